// k6's load: a constant arrival rate, each iteration one identify.
import http from 'k6/http';
import exec from 'k6/execution';

const rate = Number(__ENV.BENCH_RATE);
const users = Number(__ENV.BENCH_MOST_USERS);
const base = `${__ENV.BENCH_URL}/api/v1/customers/person-`;
const params = {
  headers: { 'content-type': 'application/json', authorization: 'Basic c2l0ZTprZXk=' },
  timeout: '60s',
};

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  scenarios: {
    identify: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: `${__ENV.BENCH_SECONDS}s`,
      gracefulStop: '60s',
      preAllocatedVUs: Math.min(users, Number(__ENV.BENCH_USERS)),
      maxVUs: users,
    },
  },
};

export default function identify() {
  const number = exec.scenario.iterationInTest;
  const body = JSON.stringify({ email: `person-${number}@example.com`, plan: 'pro', created_at: 1700000000, score: 12.5 });
  http.put(`${base}${number}`, body, params);
}
