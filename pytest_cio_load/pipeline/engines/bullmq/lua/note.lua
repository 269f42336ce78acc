-- Writes on a job that a try failed, when it is still the worker's.
--   KEYS[1]  our totals
--   KEYS[2]  the job
--   KEYS[3]  a key that never exists
--   ARGV[1]  packed { token, tries, reason }
-- Returns 1 or 0.
redis.call("DEL", KEYS[#KEYS]) -- see take.lua
local request = cmsgpack.unpack(ARGV[1])
if redis.call("GET", KEYS[2] .. ":lock") ~= request[1] then return 0 end
-- Given again after a broken connection, it counts once.
if tonumber(redis.call("HGET", KEYS[2], "atm") or 0) < request[2] then redis.call("HINCRBY", KEYS[1], "retried", 1) end
redis.call("HSET", KEYS[2], "atm", request[2], "failedReason", request[3])
return 1
