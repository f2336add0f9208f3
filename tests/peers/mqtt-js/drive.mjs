// Drives mqtt.js as a plan on standard input says, and prints a JSON line for each thing that happens.
//
// Plan: url, options (as mqtt.js takes them; `ca` is a path), subscribe ({filter: options}), subscribeOptions, publish ([{topic, payload, options}]),
// expect (how many messages to wait for).

import dns from 'node:dns'
import { readFileSync } from 'node:fs'
import mqtt from 'mqtt'

// The brokers listen on 127.0.0.1, and on many machines `localhost` is ::1 first.
dns.setDefaultResultOrder('ipv4first')

const say = (step, facts = {}) => console.log(JSON.stringify({ step, ...facts }))

const plan = JSON.parse(readFileSync(0, 'utf8'))
const options = { reconnectPeriod: 0, connectTimeout: 20_000, ...plan.options }
if (options.ca) options.ca = readFileSync(options.ca)

let messages = 0
let enough
const done = new Promise((resolve) => (enough = resolve))
const handlers = (client) => {
  client.on('message', (topic, payload, packet) => {
    messages += 1
    say('message', {
      topic,
      payload: payload.length < 1000 ? payload.toString() : payload.length,
      qos: packet.qos,
      retain: packet.retain,
      properties: packet.properties,
    })
    if (messages >= (plan.expect ?? 0)) enough()
  })
  client.on('disconnect', (packet) => say('disconnected', { reason: packet.reasonCode }))
}

const client = mqtt.connect(plan.url, options)
handlers(client)
const connack = await new Promise((resolve, reject) => {
  client.once('connect', resolve)
  client.once('error', reject)
}).catch((error) => {
  say('failed', { error: error.message })
  process.exit(0)
})
say('connected', { session: connack.sessionPresent, properties: connack.properties })
if (plan.subscribe) say('granted', { grants: (await client.subscribeAsync(plan.subscribe, plan.subscribeOptions)).map((grant) => grant.qos) })
for (const { topic, payload, options } of plan.publish ?? []) {
  const answer = await client.publishAsync(topic, payload, options)
  say('published', { topic, reason: answer?.reasonCode })
}
if (plan.expect) await done
await client.endAsync()
say('ended')
