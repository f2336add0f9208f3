// Drives a device on a serial port with the reference Improv client, improv-wifi-serial-sdk.
//
//   node drive.mjs PORT SSID WRONG_PASSWORD RIGHT_PASSWORD
//
// Prints one JSON object a line for each step: {"step", "ok", …}; the last one is the summary. Exits with 0 when every
// step that the protocol asks of a device went as it should, with 1 when not, with 2 when it could not begin.
// The passwords are those of a simulated network: a real one has no place in an argument.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import tty from "node:tty";
import { fileURLToPath, pathToFileURL } from "node:url";

const HERE = path.dirname(fileURLToPath(import.meta.url));
/** The whole run, in milliseconds: a device that hangs must not hang the tests. */
const PATIENCE = Number(process.env.DRIVE_PATIENCE_MILLIS ?? 120_000);

// A browser has it, Node has it since 19.
globalThis.CustomEvent ??= class CustomEvent extends Event {
  constructor(type, options = {}) {
    super(type, options);
    this.detail = options.detail ?? null;
  }
};

/**
 * Copies the SDK's modules into a folder where Node takes them for modules, and names the files that they import in full:
 * the package is made for bundlers and leaves `.js` out in places.
 */
function copySdk() {
  const source = path.join(HERE, "node_modules", "improv-wifi-serial-sdk", "dist");
  const target = fs.mkdtempSync(path.join(os.tmpdir(), "linesman-improv-sdk-"));
  fs.mkdirSync(path.join(target, "util"));
  fs.writeFileSync(path.join(target, "package.json"), '{ "type": "module" }');
  const modules = ["serial.js", "const.js"].concat(
    fs.readdirSync(path.join(source, "util")).filter((name) => name.endsWith(".js")).map((name) => `util/${name}`),
  );
  for (const module of modules) {
    const text = fs.readFileSync(path.join(source, module), "utf8");
    const named = text.replace(/(\bfrom\s*")(\.{1,2}\/[^"]+)(")/g, (_, before, file, after) => {
      return before + (file.endsWith(".js") ? file : `${file}.js`) + after;
    });
    fs.writeFileSync(path.join(target, module), named);
  }
  return target;
}

/** A serial port as the SDK wants it: an object with a readable and a writable stream of bytes. */
function openPort(file) {
  execFileSync("stty", ["-F", file, "115200", "raw", "-echo"]);
  const descriptor = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_NOCTTY);
  const input = new tty.ReadStream(descriptor);
  const readable = new ReadableStream({
    start(controller) {
      input.on("data", (bytes) => controller.enqueue(new Uint8Array(bytes)));
      input.on("error", (error) => controller.error(error));
      input.on("end", () => controller.close());
    },
    cancel() {
      input.pause();
    },
  });
  const writable = new WritableStream({
    write(bytes) {
      for (let sent = 0; sent < bytes.length; ) {
        sent += fs.writeSync(descriptor, bytes, sent);
      }
    },
  });
  return { readable, writable };
}

/** Runs one step and prints what came of it; an `optional` one may be unknown to the device. */
async function step(name, work, { optional = false, expectError = null } = {}) {
  const began = performance.now();
  const line = { step: name, ok: true };
  try {
    Object.assign(line, await work());
    line.ok = expectError === null;
    if (!line.ok) line.error = `no error, expected ${expectError}`;
  } catch (error) {
    line.error = typeof error === "string" ? error : (error?.message ?? String(error));
    line.ok = line.error === expectError || (optional && line.error === "UNKNOWN_RPC_COMMAND");
  }
  line.millis = Math.round(performance.now() - began);
  console.log(JSON.stringify(line));
  failed ||= !line.ok;
  return line;
}

let failed = false;
const logged = [];
const logger = {
  log: () => {},
  debug: () => {},
  error: (...parts) => logged.push(parts.map(String).join(" ")),
};

async function drive(sdk, file, ssid, wrong, right) {
  const { ImprovSerial } = await import(pathToFileURL(path.join(sdk, "serial.js")).href);
  const client = new ImprovSerial(openPort(file), logger);

  const begin = await step("initialize", async () => ({ info: await client.initialize(12_000), state: client.state }));
  if (!begin.ok) return;
  await step("info", async () => {
    await client.requestInfo(5_000);
    return { info: client.info };
  });
  await step("scan", async () => {
    const networks = await client.scan(15_000);
    if (!networks.some((network) => network.name === ssid)) throw new Error(`${ssid} is not in the scan`);
    return { networks };
  });
  await step("network-state", async () => ({ network: await client.requestNetworkState(5_000) }), { optional: true });
  // The name is set before it is asked for: the SDK takes the length 10 for the end of a line and drops the packet, and with
  // a name of seven letters, such as "gateway", the answer has that length.
  const renamed = await step("set-hostname", async () => ({ hostname: await client.setHostname("gw-7", 5_000) }), {
    optional: true,
  });
  if (!renamed.error) {
    await step("hostname", async () => ({ hostname: await client.getHostname(5_000) }));
    await step("bad-hostname", async () => ({ hostname: await client.setHostname("no spaces!", 5_000) }), {
      expectError: "BAD_HOSTNAME",
    });
  }
  await step("device-name", async () => ({ name: await client.getDeviceName(5_000) }), { optional: true });
  await step("set-device-name", async () => ({ name: await client.setDeviceName("Pump house", 5_000) }), {
    optional: true,
  });
  await step("wrong-password", () => client.provision(ssid, wrong, 60_000).then(() => ({})), {
    expectError: "UNABLE_TO_CONNECT",
  });
  await step("ready-again", async () => {
    await client.requestCurrentState(5_000);
    if (client.state !== 2) throw new Error(`state ${client.state}, expected 2`);
    return { state: client.state };
  });
  await step("right-password", async () => {
    await client.provision(ssid, right, 60_000);
    if (client.state !== 4) throw new Error(`state ${client.state}, expected 4`);
    return { state: client.state, url: client.nextUrl ?? null };
  });
  await step("network-state-joined", async () => ({ network: await client.requestNetworkState(5_000) }), {
    optional: true,
  });
  await step("state", async () => {
    await client.requestCurrentState(5_000);
    if (client.state !== 4) throw new Error(`state ${client.state}, expected 4`);
    return { state: client.state, url: client.nextUrl ?? null };
  });
}

const [file, ssid, wrong, right] = process.argv.slice(2);
if (right === undefined) {
  console.error("usage: node drive.mjs PORT SSID WRONG_PASSWORD RIGHT_PASSWORD");
  process.exit(2);
}
let sdk;
let code = 2;
try {
  sdk = copySdk();
  setTimeout(() => {
    console.log(JSON.stringify({ step: "summary", ok: false, error: `not done after ${PATIENCE} ms`, logged }));
    fs.rmSync(sdk, { recursive: true, force: true });
    process.exit(1);
  }, PATIENCE).unref();
  await drive(sdk, file, ssid, wrong, right);
  console.log(JSON.stringify({ step: "summary", ok: !failed, logged }));
  code = failed ? 1 : 0;
} catch (error) {
  console.error(error);
} finally {
  if (sdk) fs.rmSync(sdk, { recursive: true, force: true });
}
// The port's stream would keep the process alive.
process.exit(code);
