"""Drives paho-mqtt as a plan on standard input says, and prints a JSON line for each thing that happens.

Plan: host, port, transport (tcp or websockets), version (3.1.1 or 5), client_id, ca, certificate, key, will, subscribe, publish,
expect (how many messages to wait for), stay (until standard input ends).
"""

import json
import ssl
import sys
import threading

import paho.mqtt.client as mqtt


def say(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


def main():
    plan = json.loads(sys.stdin.readline())
    version = mqtt.MQTTv5 if plan.get("version") == "5" else mqtt.MQTTv311
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2,
        client_id=plan["client_id"],
        protocol=version,
        transport=plan.get("transport", "tcp"),
    )
    if "ca" in plan:
        context = ssl.create_default_context(cafile=plan["ca"])
        # What a gateway with a strict library finds; some Pythons have it off by default.
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        if "certificate" in plan:
            context.load_cert_chain(plan["certificate"], plan["key"])
        client.tls_set_context(context)
    if "username" in plan:
        client.username_pw_set(plan["username"], plan.get("password"))
    if "will" in plan:
        client.will_set(plan["will"]["topic"], plan["will"]["payload"], plan["will"].get("qos", 0), plan["will"].get("retain", False))

    connected, granted, done, gone = (threading.Event() for _ in range(4))
    count = 0

    def on_connect(_client, _data, flags, reason, _properties):
        say("connected", reason=str(reason), failed=reason.is_failure, session=flags.session_present)
        connected.set()

    def on_disconnect(_client, _data, _flags, reason, _properties):
        say("disconnected", reason=str(reason))
        gone.set()

    def on_subscribe(_client, _data, _mid, reasons, _properties):
        say("granted", reasons=[reason.value for reason in reasons])
        granted.set()

    def on_message(_client, _data, message):
        nonlocal count
        count += 1
        payload = message.payload
        say(
            "message",
            topic=message.topic,
            payload=payload.decode() if len(payload) < 1000 else len(payload),
            qos=message.qos,
            retain=message.retain,
        )
        if count >= plan.get("expect", 0):
            done.set()

    client.on_connect, client.on_disconnect = on_connect, on_disconnect
    client.on_subscribe, client.on_message = on_subscribe, on_message
    try:
        client.connect(plan["host"], plan["port"], keepalive=plan.get("keep_alive", 30))
    except (OSError, ssl.SSLError, ValueError) as error:
        say("failed", error=f"{type(error).__name__}: {error}")
        return
    client.loop_start()
    if not connected.wait(20):
        say("failed", error="no CONNACK")
        return
    if plan.get("subscribe"):
        client.subscribe([(item["filter"], item.get("qos", 0)) for item in plan["subscribe"]])
        if not granted.wait(20):
            say("failed", error="no SUBACK")
            return
    for item in plan.get("publish", []):
        payload = b"x" * item["bytes"] if "bytes" in item else item["payload"]
        info = client.publish(item["topic"], payload, item.get("qos", 0), item.get("retain", False))
        info.wait_for_publish(20)
        say("published", topic=item["topic"], is_done=info.is_published())
    if plan.get("expect") and not done.wait(20):
        say("failed", error=f"{count} messages came")
    if plan.get("stay"):
        say("waiting")
        sys.stdin.read()
    client.disconnect()
    gone.wait(5)
    client.loop_stop()


main()
