"""Locust's load: users that each keep a pace. It has no open model; that many users at that pace are the rate when nothing is late."""

import itertools
import json
import os
import time

from locust import FastHttpUser, constant_throughput, events, task

RATE, USERS = int(os.environ["BENCH_RATE"]), int(os.environ["BENCH_USERS"])
NUMBERS, STARTED = itertools.count(), itertools.count()
HEADERS = {"content-type": "application/json", "authorization": "Basic c2l0ZTprZXk="}


class Sender(FastHttpUser):
    wait_time = constant_throughput(RATE / USERS)
    network_timeout = connection_timeout = 60.0

    def on_start(self):
        # One after the other, or all of them would send at the same moment, and again after every wait.
        time.sleep(next(STARTED) / RATE)

    @task
    def identify(self):
        number = next(NUMBERS)
        body = json.dumps({"email": f"person-{number}@example.com", "plan": "pro", "created_at": 1700000000, "score": 12.5})
        self.client.put(f"/api/v1/customers/person-{number}", data=body, headers=HEADERS, name="identify")


@events.quitting.add_listener
def write(environment, **_):
    total = environment.stats.total
    told = {f"p{share}": total.get_response_time_percentile(share / 100) for share in (50, 95, 99)}
    with open(os.environ["BENCH_TOLD"], "w") as file:
        json.dump({"calls": total.num_requests, "failed": total.num_failures, "percentiles": told}, file)
    environment.process_exit_code = 0
