--@port reprocessJob
-- Puts dead letters back to be tried from the beginning.
--   KEYS[1]  a key with the hash tag of all the others
--   ARGV[1]  packed list of { base, id }
-- Returns how many were still there.
local many = 0
for _, each in ipairs(cmsgpack.unpack(ARGV[1])) do
  local base, id = each[1], each[2]
  local key = base .. id
  local done = reprocessJob({ key, base .. "events", base .. "failed", base .. "wait", base .. "meta", base .. "active", base .. "marker",
    base .. "prioritized", base .. "pc" }, { id, "LPUSH", "failedReason", "failed", "1", "1" })
  if done == 1 then
    redis.call("HDEL", key, "stc", "defa", "stacktrace")
    many = many + 1
  end
end
return many
