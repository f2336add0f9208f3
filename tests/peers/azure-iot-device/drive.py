"""Drives Microsoft's device SDK against a hub on loopback: connects, sends, reads and reports the twin, takes a message, a method
and a change of the twin. Prints a JSON line for each thing that happens. Plan on standard input: port, ca, connection_string,
sas_secs.
"""

import asyncio
import json
import sys

import paho.mqtt.client as mqtt
from azure.iot.device import Message, MethodResponse
from azure.iot.device.aio import IoTHubDeviceClient


def say(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


async def main():
    plan = json.loads(sys.stdin.readline())

    # The SDK knows port 8883 only.
    connect = mqtt.Client.connect
    mqtt.Client.connect = lambda self, host, port=0, **more: connect(self, host, port=plan["port"], **more)

    with open(plan["ca"], encoding="ascii") as file:
        ca = file.read()
    client = IoTHubDeviceClient.create_from_connection_string(
        plan["connection_string"],
        server_verification_cert=ca,
        sastoken_ttl=plan.get("sas_secs", 3600),
        connection_retry=False,
        keep_alive=plan.get("keep_alive", 60),
    )

    async def on_message(message):
        say("message", data=message.data.decode(), properties=message.custom_properties, id=message.message_id)

    async def on_method(request):
        response = MethodResponse.create_from_method_request(request, 200, {"was": request.payload})
        await client.send_method_response(response)
        say("method", name=request.name, payload=request.payload)

    async def on_patch(patch):
        say("patch", patch=patch)

    try:
        await asyncio.wait_for(client.connect(), 20)
    except Exception as error:
        causes = [type(error).__name__]
        while error.__cause__ is not None:
            error = error.__cause__
            causes.append(f"{type(error).__name__}: {error}")
        say("failed", causes=causes)
        return
    say("connected")

    async def on_connection():
        say("connection", is_connected=client.connected)

    client.on_connection_state_change = on_connection
    # Setting a handler subscribes.
    client.on_message_received = on_message
    client.on_method_request_received = on_method
    client.on_twin_desired_properties_patch_received = on_patch

    message = Message('{"temperature": 21.5}', message_id="m-1", content_encoding="utf-8", content_type="application/json")
    message.custom_properties["room"] = "Halle Ä"
    await client.send_message(message)
    say("sent")

    twin = await client.get_twin()
    say("twin", twin=twin)
    await client.patch_twin_reported_properties({"firmware": "1.2", "gone": None})
    say("reported")
    say("waiting")
    while await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        pass
    say("connected_at_end", is_connected=client.connected)
    await asyncio.wait_for(client.shutdown(), 20)


asyncio.run(main())
