//! MQTT in plain data: where a broker is, how to connect to it, what is subscribed and published, how a connection fared.

pub mod bench;
pub mod connect;
pub mod header;
pub mod message;
pub mod payload;
pub mod stage;
pub mod topic;
pub mod url;

use super::word::words;

words! {
    /// Whose rules an MQTT broker follows.
    Dialect {
        /// Any broker.
        Plain = "plain",
        /// Azure IoT Hub.
        AzureIotHub = "azure-iot-hub",
        /// AWS IoT Core.
        AwsIotCore = "aws-iot-core",
        /// A proxy that passes on to another broker.
        Proxy = "proxy",
    }
}

words! {
    /// A version of the protocol.
    MqttVersion {
        /// MQTT 3.1.1.
        V311 = "3.1.1",
        /// MQTT 5.0.
        V5 = "5",
    }
}
