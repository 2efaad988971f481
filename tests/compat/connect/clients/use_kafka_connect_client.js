// Drives a worker through npm's kafka-connect-client, whose axios calls an empty body a form.
"use strict";

const assert = require("assert");
const fs = require("fs");
const { KafkaConnectClient } = require("kafka-connect-client");

const [url, folder] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const client = new KafkaConnectClient({ protocol: "http", host: hostname, port: Number(port) });
const name = "client-npm";
const file = `${folder}/npm.txt`;
const config = {
  "connector.class": "FileStreamSource", file, topic: "client-npm",
  "topic.creation.default.partitions": 1, "topic.creation.default.replication.factor": 1,
};

async function until(what, holds) {
  const end = Date.now() + 30000;
  while (!(await holds())) {
    assert(Date.now() < end, what);
    await new Promise((again) => setTimeout(again, 50));
  }
}

async function main() {
  fs.writeFileSync(file, "one\ntwo\n");
  assert.match((await client.getCluster()).data.version, /^\d+\.\d+\.\d+/);
  const created = await client.createConnector(name, config);
  assert.strictEqual(created.status, 201);
  const connector = client.connector(name);
  const states = async () => {
    const status = (await connector.getStatus()).data;
    return [status.connector.state, ...status.tasks.map((task) => task.state)].join();
  };
  await until("running", async () => (await states()) === "RUNNING,RUNNING");
  assert((await client.getConnectors()).data.includes(name));
  assert.strictEqual((await client.getConnectors({ expand: "info" })).data[name].info.name, name);
  assert(Array.isArray((await client.getConnectors({ expand: ["info", "status"] })).data));
  assert.strictEqual((await connector.get()).data.name, name);
  assert.deepStrictEqual((await connector.getConfig()).data, created.data.config);
  assert.strictEqual((await connector.getTasks()).data[0].id.task, 0);
  assert.strictEqual((await connector.getTaskStatus(0)).data.state, "RUNNING");

  assert.strictEqual((await connector.pause()).status, 202);
  await until("paused", async () => (await states()) === "PAUSED,PAUSED");
  assert.strictEqual((await connector.resume()).status, 202);
  await until("resumed", async () => (await states()) === "RUNNING,RUNNING");
  assert.strictEqual((await connector.restart({ includeTasks: true })).status, 204);
  assert.strictEqual((await connector.restartTask(0)).status, 204);
  await until("restarted", async () => (await states()) === "RUNNING,RUNNING");
  await until("an offset", async () => (await connector.getOffsets()).data.offsets.length === 1);
  assert.deepStrictEqual((await connector.getOffsets()).data.offsets, [
    { partition: { filename: file }, offset: { position: 8 } },
  ]);
  await connector.getTopics().catch(() => {}); // It reads text as if it were an object.
  assert.strictEqual((await connector.resetTopics()).status, 202);
  assert.strictEqual((await connector.updateConfig({ ...config, "batch.size": 3 })).data.config["batch.size"], "3");

  assert.strictEqual((await connector.stop()).status, 204);
  await until("stopped", async () => (await states()) === "STOPPED");
  const altered = await connector.alterOffsets([{ partition: { filename: file }, offset: { position: 4 } }]);
  assert.match(altered.data.message, /altered successfully/);
  assert.match((await connector.resetOffsets()).data.message, /reset successfully/);
  const plugins = (await client.getConnectorPlugins({ connectorsOnly: false })).data;
  assert(plugins.some((plugin) => plugin.type === "transformation"));
  const checked = await client.validateConnectorConfig("FileStreamSource", { ...config, name });
  assert.strictEqual(checked.data.error_count, 0);
  const refused = await client.connector("nobody").get().catch((error) => error.response);
  assert.deepStrictEqual([refused.status, refused.data.error_code], [404, 404]);
  assert.strictEqual((await connector.delete()).status, 204);
  console.log("kafka-connect-client is content");
}

main().catch((error) => {
  console.error(error.stack, error.response && error.response.data);
  process.exit(1);
});
