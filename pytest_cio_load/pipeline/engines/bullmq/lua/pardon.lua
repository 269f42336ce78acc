-- Takes back kills that were counted against jobs whose worker lives: it could not be heard for a while.
--   KEYS[1]  a key that never exists
--   ARGV[1]  packed list of { base, id, kills when it was taken }
-- Returns for each 1 or 0: whether one was taken back.
redis.call("DEL", KEYS[#KEYS]) -- see take.lua
local pardoned = {}
for i, each in ipairs(cmsgpack.unpack(ARGV[1])) do
  local key = each[1] .. each[2]
  pardoned[i] = 0
  if tonumber(redis.call("HGET", key, "stc") or 0) == each[3] + 1 then
    redis.call("HINCRBY", key, "stc", -1)
    pardoned[i] = 1
  end
end
return pardoned
