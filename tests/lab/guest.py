"""Runs in the lab's guest: starts the programs that the host names, and sends back what they print.

One JSON object a line over a virtio port. To the guest: {"run": id, "argv": [...], "env": {}, "files": {}, "input": ""} and
{"kill": id}. From the guest: {"ready": uptime}, {"id", "stream", "line", "at"}, {"id", "exit", "seconds"}.
"""

import glob
import json
import os
import subprocess
import sys
import threading
import time

PORT = "lab"


def open_port():
    while True:
        for path in glob.glob("/sys/class/virtio-ports/*/name"):
            with open(path) as name:
                if name.read().strip() == PORT:
                    return os.open("/dev/" + path.split("/")[-2], os.O_RDWR)
        time.sleep(0.02)


port = open_port()
lock = threading.Lock()
running = {}


def send(**message):
    data = json.dumps(message).encode() + b"\n"
    with lock:
        while data:
            data = data[os.write(port, data) :]


def run(job):
    name = job["run"]
    folder = os.path.join("/tmp", name)
    os.makedirs(folder)
    for path, text in job.get("files", {}).items():
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        with open(os.path.join(folder, path), "w") as file:
            file.write(text)
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            job["argv"],
            env={**os.environ, "LINESMAN_DATA_DIR": folder + "/data", **job.get("env", {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
        )
    except OSError as error:
        send(id=name, stream="stderr", line=str(error), at=0)
        return send(id=name, exit=127, seconds=0)
    running[name] = process

    def pump(stream, pipe):
        for line in pipe:
            text = line.decode(errors="replace").rstrip("\n")
            send(id=name, stream=stream, line=text, at=round(time.monotonic() - began, 3))

    pumps = [threading.Thread(target=pump, args=(s, getattr(process, s))) for s in ("stdout", "stderr")]
    for thread in pumps:
        thread.start()
    try:
        process.stdin.write(job.get("input", "").encode())
        if not job.get("keep_input"):
            process.stdin.close()
        else:
            process.stdin.flush()
    except BrokenPipeError:
        pass
    for thread in pumps:
        thread.join()
    code = process.wait()
    del running[name]
    send(id=name, exit=code, seconds=round(time.monotonic() - began, 3))


def main():
    with open("/proc/uptime") as uptime:
        send(ready=float(uptime.read().split()[0]))
    with os.fdopen(os.dup(port), "rb", buffering=0) as requests:
        rest = b""
        while True:
            rest += requests.read(65536) or sys.exit()
            *lines, rest = rest.split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "run" in message:
                    threading.Thread(target=run, args=(message,), daemon=True).start()
                elif process := running.get(message.get("kill")):
                    process.kill()


main()
