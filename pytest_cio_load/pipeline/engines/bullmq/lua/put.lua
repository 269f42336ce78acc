--@port addStandardJob
--@port addDelayedJob
--@port addPrioritizedJob
-- Stores jobs, in order, and counts those that were not there yet.
--   KEYS[1]  our totals
--   ARGV[1]  packed list of { base, id, kind, packed arguments, data, packed options, timestamp }; kind: 0 standard, 1 delayed, 2 prioritized
-- Returns how many were not there yet.
local fresh = 0
for _, job in ipairs(cmsgpack.unpack(ARGV[1])) do
  local base, kind = job[1], job[3]
  if redis.call("EXISTS", base .. job[2]) == 0 then fresh = fresh + 1 end
  local arguments = { job[4], job[5], job[6], job[7] }
  if kind == 0 then
    addStandardJob({ base .. "wait", base .. "paused", base .. "meta", base .. "id", base .. "completed", base .. "delayed",
      base .. "active", base .. "events", base .. "marker" }, arguments)
  elseif kind == 1 then
    addDelayedJob({ base .. "marker", base .. "meta", base .. "id", base .. "delayed", base .. "completed", base .. "events" }, arguments)
  else
    addPrioritizedJob({ base .. "marker", base .. "meta", base .. "id", base .. "prioritized", base .. "delayed", base .. "completed",
      base .. "active", base .. "events", base .. "pc" }, arguments)
  end
end
if fresh > 0 then redis.call("HINCRBY", KEYS[1], "enqueued", fresh) end
return fresh
