import java.util.TreeSet;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/** Prints the names of a running Kafka Connect's metrics: domain, type, the keys of the tags, attribute. */
public class ListMetrics {
    public static void main(String[] args) throws Exception {
        JMXServiceURL url = new JMXServiceURL("service:jmx:rmi:///jndi/rmi://127.0.0.1:" + args[0] + "/jmxrmi");
        TreeSet<String> lines = new TreeSet<>();
        try (JMXConnector connector = JMXConnectorFactory.connect(url)) {
            MBeanServerConnection server = connector.getMBeanServerConnection();
            for (String domain : new String[] {"kafka.connect", "kafka.connect.mirror"}) {
                for (ObjectName name : server.queryNames(new ObjectName(domain + ":*"), null)) {
                    TreeSet<String> tags = new TreeSet<>(name.getKeyPropertyList().keySet());
                    tags.remove("type");
                    String type = domain + " " + name.getKeyProperty("type") + " " + String.join(",", tags);
                    for (MBeanAttributeInfo attribute : server.getMBeanInfo(name).getAttributes()) {
                        lines.add(type + " " + attribute.getName());
                    }
                }
            }
        }
        lines.forEach(System.out::println);
    }
}
