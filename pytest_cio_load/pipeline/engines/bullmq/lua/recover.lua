-- Puts what is under way in a queue back to the head of what waits, in the order it was taken in.
--   KEYS[1]  our totals
--   KEYS[2]  the queue's lease
--   KEYS[3]  who had the leases last
--   KEYS[4]  a key that never exists
--   ARGV[1]  packed { base, worker, lease ms, place, acquire: 1 or 0, ids that stay, kills, reason }
-- acquire: take the lease first; whoever had it last was killed, unless it was this worker.
-- Returns { 1 or 0: whether the lease is the worker's, put back, dead }.
redis.call("DEL", KEYS[#KEYS]) -- see take.lua
local request = cmsgpack.unpack(ARGV[1])
local base, worker, place, acquire = request[1], request[2], request[4], request[5] == 1
local killed = false
if acquire then
  if not redis.call("SET", KEYS[2], worker, "NX", "PX", request[3]) then return { 0, 0, 0 } end
  local last = redis.call("HGET", KEYS[3], place)
  killed = last and last ~= worker
  redis.call("HSET", KEYS[3], place, worker)
elseif redis.call("GET", KEYS[2]) ~= worker then
  return { 0, 0, 0 }
end
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stays, returned, dead = {}, 0, 0
for _, id in ipairs(request[6]) do stays[id] = true end

local function bury(id)
  local key = base .. id
  redis.call("ZADD", base .. "failed", now, id)
  redis.call("HSET", key, "failedReason", request[8], "finishedOn", now)
  redis.call("XADD", base .. "events", "*", "event", "failed", "jobId", id, "failedReason", request[8], "prev", "active")
  dead = dead + 1
end

local function put_back(id)
  local priority = tonumber(redis.call("HGET", base .. id, "priority")) or 0
  if priority > 0 then
    redis.call("ZADD", base .. "prioritized", priority * 0x100000000, id)
  else
    redis.call("RPUSH", base .. "wait", id)
  end
  redis.call("XADD", base .. "events", "*", "event", "waiting", "jobId", id, "prev", "active")
  returned = returned + 1
end

-- The newest is first in this list; the one that goes to the head last was taken first.
for _, id in ipairs(redis.call("LRANGE", base .. "active", 0, -1)) do
  if not stays[id] then
    redis.call("LREM", base .. "active", 1, id)
    redis.call("DEL", base .. id .. ":lock")
    redis.call("SREM", base .. "stalled", id)
    if redis.call("EXISTS", base .. id) == 1 then
      local kills = killed and redis.call("HINCRBY", base .. id, "stc", 1) or 0
      if kills >= request[7] then bury(id) else put_back(id) end
    end
  end
end
if redis.call("HEXISTS", base .. "meta", "paused") == 0 then redis.call("ZADD", base .. "marker", 0, "0") end
if acquire and returned > 0 then redis.call("HINCRBY", KEYS[1], "redelivered", returned) end
if dead > 0 then redis.call("HINCRBY", KEYS[1], "dead", dead) end
return { 1, returned, dead }
