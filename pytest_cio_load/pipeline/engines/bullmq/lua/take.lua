--@port moveToActive
-- Takes jobs from several queues, each one's in its order.
--   KEYS[1]  a key that never exists
--   ARGV[1]  packed { most, timestamp, packed { token, lockDuration }, worker, { { base, lease or "" }, … } }
-- Returns for each queue { held: 1 or 0, next: unix ms when there is something to do, or 0, { fields of a job, id, fields, id, … } }.
--
-- A full server refuses commands that may need memory, RPOPLPUSH too, unless the script has written already: without this line nobody could
-- empty it.
redis.call("DEL", KEYS[1])
local request = cmsgpack.unpack(ARGV[1])
local left, timestamp, opts, worker, queues = request[1], request[2], request[3], request[4], request[5]
local answers, open = {}, {}
for i, queue in ipairs(queues) do
  local held = queue[2] == "" or redis.call("GET", queue[2]) == worker
  answers[i] = { held and 1 or 0, 0, {} }
  open[i] = held
end
local function take(i, most)
  local base, answer = queues[i][1], answers[i]
  local keys = { base .. "wait", base .. "active", base .. "prioritized", base .. "events", base .. "stalled", base .. "limiter",
    base .. "delayed", base .. "paused", base .. "meta", base .. "pc", base .. "marker" }
  for _ = 1, most do
    local got = moveToActive(keys, { base, timestamp, opts })
    if not got[2] or got[2] == 0 then
      open[i] = false
      if got[3] > 0 then answer[2] = tonumber(timestamp) + got[3] else answer[2] = math.floor(got[4]) end
      return
    end
    table.insert(answer[3], got[1])
    table.insert(answer[3], got[2])
    left = left - 1
  end
end
local share = math.ceil(left / math.max(1, #queues))
for i = 1, #queues do
  if open[i] then take(i, math.min(share, left)) end
end
for i = 1, #queues do
  if open[i] and left > 0 then take(i, left) end
end
return answers
