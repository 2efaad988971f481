//! Requests about topics' configurations.

use std::time::Duration;

use rdkafka_sys::bindings as sys;

use super::admin::{Owned, Request, items};
use super::fault;
use super::handle::Handle;
use super::text::{from_c, to_c};
use crate::error::{ErrorKind, KafkaError, Result};

/// A topic as something that has a configuration.
fn resource(topic: &str) -> Result<Owned<sys::rd_kafka_ConfigResource_t>> {
    let name = to_c(topic)?;
    let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
    // SAFETY: the name lives during the call.
    let resource = unsafe { sys::rd_kafka_ConfigResource_new(kind, name.as_ptr()) };
    if resource.is_null() {
        return Err(KafkaError::new(
            ErrorKind::Config,
            format!("{topic:?} is not a topic"),
        ));
    }
    Ok(Owned(resource, sys::rd_kafka_ConfigResource_destroy))
}

impl Handle {
    /// Returns a topic's configuration: name, value, and whether it was set for this topic.
    pub(crate) fn configs(
        &self,
        topic: &str,
        wait: Duration,
    ) -> Result<Vec<(String, String, bool)>> {
        let resource = resource(topic)?;
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
        let request = Request::new(self, op, wait)?;
        let mut found = Vec::new();
        // SAFETY: everything passed is live; the event is of the kind that was asked for, and its
        // arrays live as long as it.
        unsafe {
            let mut all = [resource.0];
            let (options, queue) = (request.options(), request.queue());
            sys::rd_kafka_DescribeConfigs(self.as_ptr(), all.as_mut_ptr(), 1, options, queue);
            let answer = request.answer("describing a topic's configuration")?;
            let result = sys::rd_kafka_event_DescribeConfigs_result(answer.event());
            let mut count = 0;
            let resources = sys::rd_kafka_DescribeConfigs_result_resources(result, &mut count);
            for resource in items(resources, count) {
                fault::check_code(sys::rd_kafka_ConfigResource_error(*resource))
                    .map_err(|error| error.while_doing(format!("topic {topic}")))?;
                let mut count = 0;
                let entries = sys::rd_kafka_ConfigResource_configs(*resource, &mut count);
                for entry in items(entries, count) {
                    let source = sys::rd_kafka_ConfigEntry_source(*entry);
                    let own =
                        sys::rd_kafka_ConfigSource_t::RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
                    found.push((
                        from_c(sys::rd_kafka_ConfigEntry_name(*entry)),
                        from_c(sys::rd_kafka_ConfigEntry_value(*entry)),
                        source == own,
                    ));
                }
            }
        }
        Ok(found)
    }

    /// Sets these of a topic's settings and leaves the others as they are.
    pub(crate) fn set_configs(
        &self,
        topic: &str,
        settings: &[(String, String)],
        wait: Duration,
    ) -> Result<()> {
        let resource = resource(topic)?;
        for (name, value) in settings {
            let (name, value) = (to_c(name)?, to_c(value)?);
            let set = sys::rd_kafka_AlterConfigOpType_t::RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET;
            // SAFETY: the resource and the texts live during the call, which copies them; the error is ours.
            unsafe {
                fault::check(sys::rd_kafka_ConfigResource_add_incremental_config(
                    resource.0,
                    name.as_ptr(),
                    set,
                    value.as_ptr(),
                ))?;
            }
        }
        let op = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS;
        let request = Request::new(self, op, wait)?;
        // SAFETY: everything passed is live; the event is of the kind that was asked for, and its
        // array lives as long as it.
        unsafe {
            let mut all = [resource.0];
            let (options, queue) = (request.options(), request.queue());
            sys::rd_kafka_IncrementalAlterConfigs(
                self.as_ptr(),
                all.as_mut_ptr(),
                1,
                options,
                queue,
            );
            let answer = request.answer("setting a topic's configuration")?;
            let result = sys::rd_kafka_event_IncrementalAlterConfigs_result(answer.event());
            let mut count = 0;
            let resources =
                sys::rd_kafka_IncrementalAlterConfigs_result_resources(result, &mut count);
            for resource in items(resources, count) {
                fault::check_code(sys::rd_kafka_ConfigResource_error(*resource))
                    .map_err(|error| error.while_doing(format!("topic {topic}")))?;
            }
        }
        Ok(())
    }
}
