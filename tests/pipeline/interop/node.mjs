// A Node process of a test: runs the snippets of JavaScript that come in, one line of JSON each, and answers with what each returns.
//
//   node node.mjs URL QUEUE
//
// A snippet knows bullmq, the connection, the name of the queue and the queue itself, createHash, and `kept`, which lasts as long as the
// process: what one snippet leaves there (a worker, what it has heard) the next ones find.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import * as bullmq from "bullmq";

const [url, name] = process.argv.slice(2);
const connection = { url, maxRetriesPerRequest: null };
const known = { bullmq, connection, name, queue: new bullmq.Queue(name, { connection }), createHash, kept: {} };
const AsyncFunction = (async () => {}).constructor;

for await (const line of createInterface({ input: process.stdin })) {
  const { code, values } = JSON.parse(line);
  const scope = { ...known, ...values };
  let answer;
  try {
    answer = { value: (await new AsyncFunction(...Object.keys(scope), code)(...Object.values(scope))) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
process.exit(0);
