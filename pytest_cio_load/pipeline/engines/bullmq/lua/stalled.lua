--@port moveStalledJobsToWait
-- Puts jobs whose worker was killed back to what waits, and counts them.
--   KEYS[1]  our totals
--   KEYS[2]  a key that never exists
--   ARGV[1]  packed { base, kills that are allowed, timestamp, ms until the next look }
-- Returns how many.
redis.call("DEL", KEYS[#KEYS]) -- see take.lua
local request = cmsgpack.unpack(ARGV[1])
local base = request[1]
local found = moveStalledJobsToWait({ base .. "stalled", base .. "wait", base .. "active", base .. "stalled-check", base .. "meta",
  base .. "paused", base .. "marker", base .. "events", base .. "repeat" }, { request[2], base, request[3], request[4] })
if #found > 0 then redis.call("HINCRBY", KEYS[1], "redelivered", #found) end
return #found
