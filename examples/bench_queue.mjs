// Node's BullMQ, measured as `bench_queue_sides.py` measures the others: node bench_queue.mjs URL JOBS CONCURRENCY TOGETHER RATE COUNT
import * as bullmq from "bullmq";
const [url, jobs, concurrency, together, idleRate, idleJobs] = process.argv.slice(2).map((each, at) => at ? Number(each) : each);
const connection = { url, maxRetriesPerRequest: null };
const queue = new bullmq.Queue("bench", { connection, defaultJobOptions:
  { attempts: 5, backoff: { type: "exponential", delay: 2000 }, removeOnComplete: { count: 10000 } } });
const job = (number) => ({ userId: `u${number}`, number, enqueuedAt: Date.now(),
  data: { email: `person-${number}@example.com`, plan: "professional", visits: number } });
const seconds = (since) => (performance.now() - since) / 1000;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
await queue.waitUntilReady();
const singles = Math.floor(jobs / 5);
let began = performance.now();
for (let n = 0; n < singles; n++) await queue.add("identify", job(n));
const single = singles / seconds(began);
began = performance.now();
for (let from = singles; from < jobs; from += together)
  await queue.addBulk(Array.from({ length: Math.min(together, jobs - from) }, (_, n) => ({ name: "identify", data: job(from + n) })));
const many = (jobs - singles) / seconds(began);
const moments = new Map();
const worker = new bullmq.Worker("bench", async (taken) => { moments.set(taken.data.number, performance.now()); }, { connection, concurrency });
while (moments.size < jobs) await sleep(5);
const all = [...moments.values()].sort((a, b) => a - b);
const drain = (jobs - 1) / ((all.at(-1) - all[0]) / 1000);
await sleep(500);
const enqueued = new Map();
began = performance.now();
for (let n = 0; n < idleJobs; n++) {
  enqueued.set(jobs + n, performance.now());
  await queue.add("identify", job(jobs + n));
  await sleep(began + ((n + 1) * 1000) / idleRate - performance.now());
}
while (moments.size < jobs + idleJobs) await sleep(5);
const waits = [...enqueued].map(([n, at]) => moments.get(n) - at);
console.log(JSON.stringify({ single, many, drain, waits }));
process.exit(0);
