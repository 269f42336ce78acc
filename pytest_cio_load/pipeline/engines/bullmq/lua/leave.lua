-- Lets go of leases, and of the place among the workers.
--   KEYS[1]  workers
--   KEYS[2]  who had the leases last
--   ARGV[1]  packed { worker, list of { place, lease }, leaves: 1 or 0 }
local request = cmsgpack.unpack(ARGV[1])
for _, each in ipairs(request[2]) do
  if redis.call("GET", each[2]) == request[1] then
    redis.call("DEL", each[2])
    redis.call("HDEL", KEYS[2], each[1])
  end
end
if request[3] == 1 then redis.call("ZREM", KEYS[1], request[1]) end
return 1
