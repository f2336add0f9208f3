// The npm package mqtt, doing nothing but count: `node count.mjs PORT MESSAGES`.
import mqtt from "mqtt";

const [port, wanted] = process.argv.slice(2).map(Number);
const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0 });
let count = 0;
client.on("connect", () => client.subscribe("#"));
client.on("message", () => {
  count += 1;
  if (count === wanted) {
    client.end(true);
  }
});
client.on("close", () => process.exit(count === wanted ? 0 : 1));
