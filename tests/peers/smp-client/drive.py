"""Drives a simulated gateway with the foreign SMP client, one JSON line a step; the last line is the summary.

  python drive.py serial PATH
  python drive.py udp HOST PORT
"""

import asyncio
import json
import sys

from smpclient import SMPClient
from smpclient.generics import error, error_v1, error_v2, success
from smpclient.requests.enumeration_management import ListSupportedGroups
from smpclient.requests.file_management import FileHashChecksum, FileStatus
from smpclient.requests.image_management import ImageStatesRead
from smpclient.requests.os_management import (
    BootloaderInformationRead,
    DateTimeRead,
    DateTimeWrite,
    EchoWrite,
    MCUMgrParametersRead,
    MemoryPoolStatisticsRead,
    OSApplicationInfoRead,
    ResetWrite,
    TaskStatisticsRead,
)
from smpclient.requests.settings_management import (
    DeleteSetting,
    LoadSettings,
    ReadSetting,
    SaveSettings,
    WriteSetting,
)
from smpclient.requests.shell_management import Execute
from smpclient.requests.statistics_management import GroupData
from smpclient.requests.statistics_management import ListOfGroups as ListOfStatistics
from smpclient.requests.zephyr_management import EraseStorage

complaints = []


def tell(step, **facts):
    print(json.dumps({"step": step, **facts}), flush=True)


class Driver:
    def __init__(self, client):
        self.client = client

    async def ask(self, step, request):
        answer = await self.client.request(request, timeout_s=5.0)
        if not success(answer):
            complaints.append(f"{step}: {answer}")
        return answer

    async def refused(self, step, request):
        answer = await self.client.request(request, timeout_s=5.0)
        if not error(answer):
            complaints.append(f"{step} was not refused: {answer}")
        if error_v2(answer):
            tell(step, group=int(answer.err.group), rc=int(answer.err.rc))
        elif error_v1(answer):
            tell(step, group=None, rc=int(answer.rc))


async def drive(client):
    driver = Driver(client)
    ask, refused = driver.ask, driver.refused
    tell("echo", text=(await ask("echo", EchoWrite(d="hello"))).r)
    answer = await ask("parameters", MCUMgrParametersRead())
    tell("parameters", size=answer.buf_size, count=answer.buf_count)
    tell("groups", groups=[int(group) for group in (await ask("groups", ListSupportedGroups())).groups])
    tell("info", text=(await ask("info", OSApplicationInfoRead(format="a"))).output)
    tell("bootloader", text=(await ask("bootloader", BootloaderInformationRead())).bootloader)
    tell("tasks", names=list((await ask("tasks", TaskStatisticsRead())).tasks))
    await ask("pools", MemoryPoolStatisticsRead())
    tell("images", versions=[image.version for image in (await ask("images", ImageStatesRead())).images])
    names = (await ask("statistics", ListOfStatistics())).stat_list
    tell("statistics", names=list(names), fields=(await ask("fields", GroupData(name=names[1]))).fields)
    await refused("no statistics", GroupData(name="nothing"))
    await refused("no clock", DateTimeRead())
    await ask("set clock", DateTimeWrite(datetime="2026-01-31T12:00:00"))
    tell("clock", text=(await ask("clock", DateTimeRead())).datetime)

    tell("setting", value=(await ask("setting", ReadSetting(name="bridge/broker"))).val.decode())
    await refused("no root", ReadSetting(name="nowhere/x"))
    await refused("no key", ReadSetting(name="bridge/x"))
    await ask("write", WriteSetting(name="bridge/token", val=b"foreign"))
    await ask("save", SaveSettings())
    await ask("write", WriteSetting(name="bridge/token", val=b"unsaved"))
    await ask("load", LoadSettings())
    tell("loaded", value=(await ask("loaded", ReadSetting(name="bridge/token"))).val.decode())
    await ask("delete", DeleteSetting(name="bridge/token"))
    await refused("deleted", ReadSetting(name="bridge/token"))

    content = bytes(index % 251 for index in range(2500))
    async for _ in client.upload_file(content, "/lfs/foreign.bin", timeout_s=5.0):
        pass
    tell("file", same=(await client.download_file("/lfs/foreign.bin", timeout_s=5.0)) == content)
    tell("status", length=(await ask("status", FileStatus(name="/lfs/foreign.bin"))).len)
    tell("hash", octets=(await ask("hash", FileHashChecksum(name="/lfs/foreign.bin", type="sha256"))).output.hex())
    await refused("no file", FileStatus(name="/lfs/nothing"))

    answer = await ask("shell", Execute(argv=["kernel", "version"]))
    tell("shell", text=answer.o, status=answer.ret)
    await ask("erase", EraseStorage())
    await refused("erased", FileStatus(name="/lfs/foreign.bin"))
    await ask("reset", ResetWrite())
    for _ in range(20):
        try:
            answer = await client.request(EchoWrite(d="back"), timeout_s=1.0)
            tell("back", text=answer.r)
            break
        except Exception:
            await asyncio.sleep(0.1)


async def main():
    if sys.argv[1] == "udp":
        from smpclient.transport.udp import SMPUDPTransport

        class OnPort(SMPUDPTransport):
            async def connect(self, address, timeout_s):
                await super().connect(address, timeout_s, port=int(sys.argv[3]))

        transport = OnPort()
    else:
        from smpclient.transport.serial import SMPSerialTransport

        transport = SMPSerialTransport()
    async with SMPClient(transport, sys.argv[2]) as client:
        await drive(client)
    tell("summary", ok=not complaints, complaints=complaints)


asyncio.run(main())
