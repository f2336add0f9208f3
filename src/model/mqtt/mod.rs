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

impl Dialect {
    /// What an address tells of the dialect behind it: the clouds have names of their own.
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| host.ends_with(end));
        if ends(&[".azure-devices.net", ".azure-devices.cn", ".azure-devices.us", ".azure-devices-provisioning.net"]) {
            return Some(Self::AzureIotHub);
        }
        (host.contains(".iot.") && ends(&[".amazonaws.com", ".amazonaws.com.cn"])).then_some(Self::AwsIotCore)
    }

    /// The path at which a broker takes MQTT inside a WebSocket.
    pub const fn websocket_path(self) -> &'static str {
        match self {
            Self::AzureIotHub => "/$iothub/websocket",
            Self::Plain | Self::AwsIotCore | Self::Proxy => "/mqtt",
        }
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
