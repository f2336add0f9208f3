"""paho-mqtt, doing nothing but count: `python count.py PORT MESSAGES`."""

import sys

import paho.mqtt.client as mqtt

port, wanted = int(sys.argv[1]), int(sys.argv[2])
count = 0


def on_message(client, _data, _message):
    global count
    count += 1
    if count == wanted:
        client.disconnect()


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.on_connect = lambda client, *_: client.subscribe("#")
client.on_message = on_message
client.connect("127.0.0.1", port)
client.loop_forever()
sys.exit(0 if count == wanted else 1)
