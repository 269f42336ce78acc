-- When the oldest job that waits was enqueued.
--   KEYS[1]  a key with the hash tag of all the others
--   ARGV[1]  packed list of bases
-- Returns { timestamp in unix ms as text, or "", the server's time in ms }.
local oldest = nil
local function look(base, id)
  local at = id and tonumber(redis.call("HGET", base .. id, "timestamp"))
  if at and (not oldest or at < oldest) then oldest = at end
end
for _, base in ipairs(cmsgpack.unpack(ARGV[1])) do
  for _, list in ipairs({ "wait", "paused" }) do
    -- The head waits longest, but for what was put back, or back again, at either end.
    look(base, redis.call("LINDEX", base .. list, -1))
    look(base, redis.call("LINDEX", base .. list, 0))
  end
  -- The first of each priority; more than 64 different ones are not looked through.
  local from = 0
  for _ = 1, 64 do
    local found = redis.call("ZRANGEBYSCORE", base .. "prioritized", from, "+inf", "WITHSCORES", "LIMIT", 0, 1)
    if #found == 0 then break end
    look(base, found[1])
    from = (math.floor(tonumber(found[2]) / 0x100000000) + 1) * 0x100000000
  end
end
local time = redis.call("TIME")
return { oldest and string.format("%.0f", oldest) or "", time[1] * 1000 + math.floor(time[2] / 1000) }
