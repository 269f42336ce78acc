--@port moveToFinished
--@port moveToDelayed
-- Settles jobs, and counts those that were the worker's to settle.
--   KEYS[1]  our totals
--   KEYS[2]  our histogram of latencies
--   KEYS[3]  a key that never exists
--   ARGV[1]  packed { timestamp, lock ms, list of { kind, base, id, token, … } }
--     "done"  + keep, latency in µs        "dead"  + keep, reason, tries, tries at most
--     "again" + delay in ms, reason        "back"
-- Returns for each what BullMQ's script did: 0 settled; below 0 not ours any more.
redis.call("DEL", KEYS[#KEYS]) -- see take.lua
local request = cmsgpack.unpack(ARGV[1])
local timestamp, lock = request[1], request[2]
local totals, latencies, codes = {}, {}, {}

local function count(into, name) into[name] = (into[name] or 0) + 1 end

local function finish(job, target, property, value, fields, attempts)
  local base, id = job[2], job[3]
  local keys = { base .. "wait", base .. "active", base .. "prioritized", base .. "events", base .. "stalled", base .. "limiter",
    base .. "delayed", base .. "paused", base .. "meta", base .. "pc", base .. target, base .. id, base .. "metrics:" .. target,
    base .. "marker" }
  local opts = cmsgpack.pack({ token = job[4], keepJobs = job[5], lockDuration = lock, attempts = attempts, maxMetricsSize = "" })
  return moveToFinished(keys, { id, timestamp, property, value, target, "", base, opts, fields })
end

local function again(job)
  local base, id = job[2], job[3]
  local keys = { base .. "marker", base .. "active", base .. "prioritized", base .. "delayed", base .. id, base .. "events",
    base .. "meta", base .. "stalled", base .. "wait", base .. "limiter", base .. "pc" }
  local fields = cmsgpack.pack({ "failedReason", job[6] })
  return moveToDelayed(keys, { base, timestamp, id, job[4], job[5], "0", fields, "0" })
end

-- To the head of what waits: those that come later were taken earlier.
local function back(job)
  local base, id = job[2], job[3]
  local key = base .. id
  local token = redis.call("GET", key .. ":lock")
  -- A lock that has lapsed, and that nobody has set anew: nobody else has it yet.
  if token and token ~= job[4] then return -6 end
  redis.call("DEL", key .. ":lock")
  redis.call("SREM", base .. "stalled", id)
  if redis.call("LREM", base .. "active", 1, id) == 0 then return -3 end
  redis.call("HINCRBY", key, "ats", -1)
  local priority = tonumber(redis.call("HGET", key, "priority")) or 0
  if priority > 0 then
    redis.call("ZADD", base .. "prioritized", priority * 0x100000000, id)
  else
    redis.call("RPUSH", base .. "wait", id)
  end
  if redis.call("HEXISTS", base .. "meta", "paused") == 0 then redis.call("ZADD", base .. "marker", 0, "0") end
  redis.call("XADD", base .. "events", "*", "event", "waiting", "jobId", id, "prev", "active")
  return 0
end

for i, job in ipairs(request[3]) do
  local kind, code = job[1], 0
  if kind == "done" then
    code = finish(job, "completed", "returnvalue", "null", nil, 0)
    if code == 0 then
      count(totals, "done")
      count(latencies, job[6])
    end
  elseif kind == "dead" then
    -- moveToFinished counts one more try.
    code = finish(job, "failed", "failedReason", job[6], cmsgpack.pack({ "atm", job[7] - 1 }), job[8])
    if code == 0 then count(totals, "dead") end
  elseif kind == "again" then
    code = again(job)
    if code == 0 then count(totals, "retried") end
  else
    code = back(job)
  end
  codes[i] = code
end
for name, many in pairs(totals) do redis.call("HINCRBY", KEYS[1], name, many) end
for latency, many in pairs(latencies) do redis.call("HINCRBY", KEYS[2], latency, many) end
return codes
