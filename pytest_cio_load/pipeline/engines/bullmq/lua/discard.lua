--@port removeJob
-- Deletes dead letters.
--   KEYS[1]  a key with the hash tag of all the others
--   ARGV[1]  packed list of { base, id }
-- Returns how many were still there.
local many = 0
for _, each in ipairs(cmsgpack.unpack(ARGV[1])) do
  local base, id = each[1], each[2]
  if redis.call("ZSCORE", base .. "failed", id) then
    many = many + removeJob({ base .. id, base .. "repeat" }, { id, "0", base })
  end
end
return many
