--@port extendLocks
-- Says that a worker is alive, and keeps what it holds.
--   KEYS[1]  workers: a sorted set of names by the moment they lapse
--   KEYS[2]  a key that never exists
--   ARGV[1]  packed { worker, lease ms, lock ms, list of leases, held: places in that list, list of { base, tokens, ids } }
-- Returns { workers, owners by place ("" for none), lost: places that were held, list of { ids whose lock is lost } }.
redis.call("DEL", KEYS[#KEYS]) -- see take.lua
local request = cmsgpack.unpack(ARGV[1])
local worker, lease, lock, leases = request[1], request[2], request[3], request[4]
local lost, broken, owners = {}, {}, {}
for _, place in ipairs(request[5]) do
  if redis.call("GET", leases[place]) == worker then
    redis.call("PEXPIRE", leases[place], lease)
  else
    table.insert(lost, place)
  end
end
for i, locks in ipairs(request[6]) do
  broken[i] = extendLocks({ locks[1] .. "stalled" }, { locks[1], cmsgpack.pack(locks[2]), cmsgpack.pack(locks[3]), lock })
end
-- The server's clock: workers' own may be wrong.
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now)
redis.call("ZADD", KEYS[1], now + lease, worker)
for i, key in ipairs(leases) do owners[i] = redis.call("GET", key) or "" end
return { redis.call("ZRANGE", KEYS[1], 0, -1), owners, lost, broken }
