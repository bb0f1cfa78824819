// kafkajs's conversation with a node, whose address is the argument. It prints what it has shown; a false answer ends it.
const assert = require('node:assert/strict')
const { Kafka, CompressionTypes, ConfigResourceTypes, PartitionAssigners, AssignerProtocol, logLevel } = require('kafkajs')
const { version } = require('kafkajs/package.json')

const kafka = new Kafka({ clientId: 'conversation', brokers: [process.argv[2]], logLevel: logLevel.NOTHING })
const admin = kafka.admin()
const LONG = 60_000 // ms that an await may take

const shown = what => console.log('shown ' + what)
const numbers = n => Array.from({ length: n }, (_, i) => ({ key: 'k' + (i % 5), value: 'v' + i, headers: { n: String(i) } }))

async function awaited(what, ask) {
  for (const end = Date.now() + LONG; Date.now() < end; await new Promise(r => setTimeout(r, 20))) {
    const got = await ask()
    if (got) return got
  }
  throw new Error('waited in vain for ' + what)
}

const create = (topic, numPartitions = 1) => admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true })

// A consumer that keeps what it got, and what it is assigned.
async function reader(groupId, topics, more = {}) {
  const c = kafka.consumer({ groupId, heartbeatInterval: 200, rebalanceTimeout: 10_000, maxWaitTimeInMs: 100, ...more })
  const r = { consumer: c, got: [], assigned: [] }
  c.on(c.events.GROUP_JOIN, e => { r.assigned = Object.values(e.payload.memberAssignment).flat() })
  await c.connect()
  await c.subscribe({ topics, fromBeginning: true })
  await c.run({ eachMessage: async ({ partition, message }) => {
    r.got.push({ partition, offset: message.offset, key: String(message.key), value: String(message.value), headers: message.headers })
  } })
  return r
}

const values = r => r.got.map(m => m.value).sort()

async function produces() {
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  const sent = numbers(300)
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    const topic = 'plain-' + compression
    await create(topic, 3)
    const told = await producer.send({ topic, compression, messages: sent })
    assert.ok(told.every(t => t.errorCode === 0))
    const r = await reader('g-' + compression, [topic])
    await awaited('all records', () => r.got.length >= sent.length)
    await r.consumer.disconnect()
    assert.deepEqual(values(r), sent.map(m => m.value).sort())
    for (const m of r.got) assert.equal(String(m.headers.n), m.value.slice(1))
    const byKey = new Map(r.got.map(m => [m.key, m.partition]))
    for (const m of r.got) assert.equal(m.partition, byKey.get(m.key)) // one partition a key
  }
  await producer.disconnect()
  shown('an idempotent producer with keys and headers, plain and with gzip, read back by a group')
}

async function rebalances() {
  await create('turns', 4)
  const one = await reader('turns', ['turns'], { partitionAssigners: [PartitionAssigners.roundRobin] })
  await awaited('all four', () => one.assigned.length === 4)
  const two = await reader('turns', ['turns'], { partitionAssigners: [PartitionAssigners.roundRobin] })
  await awaited('two each', () => one.assigned.length === 2 && two.assigned.length === 2)
  assert.deepEqual([...one.assigned, ...two.assigned].sort(), [0, 1, 2, 3])
  const { groups: [group] } = await admin.describeGroups(['turns'])
  assert.deepEqual([group.state, group.protocolType, group.protocol, group.members.length], ['Stable', 'consumer', 'RoundRobinAssigner', 2])
  assert.ok(group.members.every(m => AssignerProtocol.MemberAssignment.decode(m.memberAssignment).assignment.turns.length === 2))
  await one.consumer.disconnect()
  await awaited('all four again', () => two.assigned.length === 4)
  await two.consumer.disconnect()
  shown('a group of two whose members come and go, described by admin')
}

async function seeks() {
  await create('sought')
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'sought', messages: numbers(100) })
  await producer.disconnect()
  const r = await reader('seeker', ['sought'])
  await awaited('all records', () => r.got.length >= 100)
  r.consumer.pause([{ topic: 'sought' }])
  r.got.length = 0
  r.consumer.seek({ topic: 'sought', partition: 0, offset: '90' })
  r.consumer.resume([{ topic: 'sought' }])
  await awaited('the last ten', () => r.got.at(-1)?.offset === '99')
  assert.equal(r.got[0].offset, '90')
  await r.consumer.commitOffsets([{ topic: 'sought', partition: 0, offset: '42', metadata: 'what I know' }])
  await r.consumer.stop()
  await r.consumer.disconnect()
  shown('seek, pause and resume, offsets committed with metadata')
}

async function transactions() {
  await create('in', 2)
  await create('out', 2)
  const plain = kafka.producer()
  await plain.connect()
  await plain.send({ topic: 'in', messages: numbers(60) })
  await plain.disconnect()
  const producer = kafka.producer({ transactionalId: 'etl', maxInFlightRequests: 1, idempotent: true })
  await producer.connect()
  const consumer = kafka.consumer({ groupId: 'etl', maxWaitTimeInMs: 100, readUncommitted: false })
  await consumer.connect()
  await consumer.subscribe({ topics: ['in'], fromBeginning: true })
  let committed = 0, aborted = 0
  await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async ({ batch, resolveOffset }) => {
    for (let i = 0; i < batch.messages.length; i += 10) {
      const part = batch.messages.slice(i, i + 10)
      const topics = [{ topic: 'in', partitions: [{ partition: batch.partition, offset: String(Number(part.at(-1).offset) + 1) }] }]
      for (const commit of [false, true]) { // each part once in vain
        const t = await producer.transaction()
        await t.send({ topic: 'out', messages: part.map(m => ({ key: m.key, value: m.value })) })
        await t.sendOffsets({ consumerGroupId: 'etl', topics })
        if (commit) { await t.commit(); committed += part.length } else { await t.abort(); aborted += part.length }
      }
      resolveOffset(part.at(-1).offset)
    }
  } })
  await awaited('all inputs', () => committed >= 60)
  await consumer.disconnect()
  const offsets = await admin.fetchOffsets({ groupId: 'etl', topics: ['in'] })
  const ends = await admin.fetchTopicOffsets('in')
  const sum = list => list.reduce((n, p) => n + Number(p.offset), 0)
  assert.equal(sum(offsets[0].partitions), sum(ends))
  // A second producer of the same id fences the first.
  const heir = kafka.producer({ transactionalId: 'etl', maxInFlightRequests: 1, idempotent: true })
  await heir.connect()
  const t = await heir.transaction()
  await t.send({ topic: 'out', messages: [{ value: 'last' }] })
  await t.commit()
  const late = await producer.transaction().then(async z => { await z.send({ topic: 'out', messages: [{ value: 'of a zombie' }] }); await z.commit() })
    .then(() => 'nothing', e => (e.cause ?? e).type ?? e.message)
  assert.match(late, /INVALID_PRODUCER_EPOCH|PRODUCER_FENCED/)
  await Promise.allSettled([producer.disconnect(), heir.disconnect()])
  const r = await reader('judge', ['out'])
  await awaited('all committed', () => r.got.length >= 61)
  await r.consumer.disconnect()
  assert.deepEqual(values(r), [...numbers(60).map(m => m.value), 'last'].sort())
  assert.ok(aborted >= 60)
  shown('transactions: offsets within them, aborts, a zombie fenced, each output once for a reader of what is committed')
}

async function administers() {
  await create('adm', 2)
  assert.equal(await admin.createTopics({ topics: [{ topic: 'adm' }] }), false) // it is there
  await admin.createPartitions({ topicPartitions: [{ topic: 'adm', count: 4 }] })
  const { topics: [topic] } = await admin.fetchTopicMetadata({ topics: ['adm'] })
  assert.equal(topic.partitions.length, 4)
  const { brokers, controller, clusterId } = await admin.describeCluster()
  assert.equal(brokers.length, 1)
  assert.equal(controller, brokers[0].nodeId)
  assert.ok(clusterId)
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'adm', configEntries: [{ name: 'retention.ms', value: '70000' }] }] })
  const { resources: [{ configEntries }] } = await admin.describeConfigs({ includeSynonyms: true, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'adm' }] })
  assert.equal(configEntries.find(e => e.configName === 'retention.ms').configValue, '70000')
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'adm', messages: Array.from({ length: 30 }, (_, i) => ({ partition: 1, value: String(i) })) })
  await producer.disconnect()
  await admin.fetchTopicOffsets('adm') // else kafkajs does not know the leaders that deleteTopicRecords wants
  await admin.deleteTopicRecords({ topic: 'adm', partitions: [{ partition: 1, offset: '10' }] })
  const offsets = await admin.fetchTopicOffsets('adm')
  const one = offsets.find(p => p.partition === 1)
  assert.deepEqual([one.low, one.high], ['10', '30'])
  const byTime = await admin.fetchTopicOffsetsByTimestamp('adm', 1)
  assert.equal(byTime.find(p => p.partition === 1).offset, '10')
  await admin.setOffsets({ groupId: 'mover', topic: 'adm', partitions: [{ partition: 1, offset: '25' }] })
  const [moved] = await admin.fetchOffsets({ groupId: 'mover', topics: ['adm'] })
  assert.equal(moved.partitions.find(p => p.partition === 1).offset, '25')
  await admin.resetOffsets({ groupId: 'mover', topic: 'adm', earliest: true })
  const r = await reader('mover', ['adm'])
  await awaited('twenty from the first', () => r.got.length >= 20)
  await r.consumer.disconnect()
  const [after] = await admin.fetchOffsets({ groupId: 'mover', topics: ['adm'] })
  assert.equal(after.partitions.find(p => p.partition === 1).offset, '30')
  assert.ok((await admin.listGroups()).groups.some(g => g.groupId === 'mover'))
  await admin.deleteGroups(['mover'])
  assert.ok(!(await admin.listGroups()).groups.some(g => g.groupId === 'mover'))
  await admin.deleteTopics({ topics: ['adm'] })
  await awaited('the deletion', async () => !(await admin.listTopics()).includes('adm'))
  shown('admin: topics, partitions, configurations, records deleted, offsets listed, set and reset, groups listed and deleted')
}

async function main() {
  console.log('client kafkajs ' + version)
  await admin.connect()
  for (const part of [produces, rebalances, seeks, transactions, administers]) {
    const begin = Date.now()
    await part()
    console.error(`${part.name} took ${Date.now() - begin} ms`)
  }
  await admin.disconnect()
}

main().then(() => process.exit(0), e => { console.error(e); process.exit(1) })
