-- The gate of one workspace, where its state is: circuit.py and slots.py once more, in one script, so that every question is one round trip.
--
-- Comes after lines that set `now` (microseconds, on the server's clock) and the constants in capitals.
--
-- KEYS[1]  a hash, the state of the workspace
-- KEYS[2]  "failed" with a key: the previous failure of that operation
-- ARGV     what, successes since this gate last asked, its rate, its burst, then by what:
--     ask        requests, lease
--     succeeded  era
--     failed     era, kind, Retry-After or "", operation, chance, cool-down, longest, unauthorized
--     back       due, era, "1" for a probe, requests
--
-- Answers {answer, wait, probe, due, rate, open, until, opened}: times in microseconds from now; `answer` is 1 for granted (ask), not to be
-- counted (failed), free again (back).

local what, successes, declared, burst = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local held = redis.call('HMGET', KEYS[1], 'due', 'rate', 'rated', 'open', 'since', 'until', 'lease', 'level', 'opened', 'successes', 'streak')
local due = tonumber(held[1] or '') or -math.huge
local rate = tonumber(held[2] or '')
local rated = tonumber(held[3] or '') or 0
local open = held[4] == '1'
local since = tonumber(held[5] or '') or 0
local till = tonumber(held[6] or '') or 0
local lease = tonumber(held[7] or '') or 0
local level = tonumber(held[8] or '') or 0
local opened = tonumber(held[9] or '') or 0
local total = tonumber(held[10] or '') or 0
local streak = held[11] or ''
local answer, wait, probe = 0, 0, 0

local changes = {}
local function set(field, value)
  changes[#changes + 1] = field
  changes[#changes + 1] = type(value) == 'number' and string.format('%.17g', value) or value
end

local function close()
  open = false
  set('open', '0')
end

local function trip(pause)
  open, since, till, lease, opened = true, now, now + math.ceil(pause), 0, opened + 1
  set('open', '1') set('since', since) set('until', till) set('lease', 0) set('level', level) set('streak', '') set('opened', opened)
end

local function end_probe()
  lease = 0
  set('lease', 0)
end

-- The lowest rate wins, as long as somebody who declares it has asked lately.
if what == 'ask' and (not rate or declared <= rate or math.abs(now - rated) > RATE_MEMORY) then
  rate, rated = declared, now
  set('rate', rate) set('rated', rated)
end
rate = rate or declared
local interval = SECOND / rate

-- Moments too far ahead are of a clock that has gone back since.
if due > now + BACKLOG + burst * interval + SECOND then due = now end
if open and since > now + SECOND then
  since, till = now, now
  set('since', since) set('until', till)
end

if successes > 0 then
  total, streak = total + successes, ''
  set('successes', total) set('streak', '')
end

local function ask(requests, lease_length)
  if open and now < till then
    wait = till - now
    return
  end
  if open and now < lease and lease <= now + BACKLOG + lease_length then
    wait = math.min(ASK_AGAIN, lease - now)
    return
  end
  wait = math.max(0, math.ceil(math.max(0, due - (burst - requests) * interval - now) - NANOSECOND))
  if wait > BACKLOG then
    wait = wait - BACKLOG
    return
  end
  answer, due = 1, math.max(due, now) + requests * interval
  set('due', due)
  if open then
    probe, lease = 1, now + wait + lease_length
    set('lease', lease)
  end
end

-- Whether the operation failed before and others have succeeded since; this failure is remembered.
local function is_own()
  local previous = redis.call('GET', KEYS[2])
  redis.call('SET', KEYS[2], string.format('%.0f %.17g', total, now), 'PX', MEMORY / 1000)
  local seen, at = string.match(previous or '', '^(%S+) (%S+)$')
  return seen and now < tonumber(at) + MEMORY and total > tonumber(seen)
end

local function third_in_a_row(operation)
  local count, known = 0, false
  for each in string.gmatch(streak, '[^,]+') do
    count, known = count + 1, known or each == operation
  end
  if not known then
    count, streak = count + 1, streak .. operation .. ','
    set('streak', streak)
  end
  return count >= IN_A_ROW
end

local function failed(era, kind, asked, operation, chance, cool_down, longest, unauthorized)
  local current = era == opened
  if (kind == 'outage' or kind == 'server') and KEYS[2] and is_own() then
    if open and current then end_probe() end
    return
  end
  if current and kind == 'server' and not open and not third_in_a_row(operation) then return end
  if current then
    level = open and math.min(level + 1, HIGHEST_LEVEL) or 0
    if kind == 'unauthorized' then
      trip(unauthorized * (1 + chance / 4))
    elseif asked then
      trip(math.max(asked, cool_down))
    else
      trip(math.min(longest, cool_down * 2 ^ level) * (1 + chance / 4))
    end
  elseif open and kind == 'limited' then
    till = math.max(till, now + (asked or 0))
    set('until', till)
  end
  answer = kind == 'unauthorized' and 0 or 1
end

local function back(reserved, era, is_probe)
  if is_probe and open and era == opened then end_probe() end
  if reserved == due and due - burst * interval > now then
    answer, due = 1, due - tonumber(ARGV[8]) * interval
    set('due', due)
  end
end

if what == 'ask' then
  ask(tonumber(ARGV[5]), tonumber(ARGV[6]))
elseif what == 'succeeded' then
  if tonumber(ARGV[5]) == opened then close() end
elseif what == 'failed' then
  failed(tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]))
elseif what == 'back' then
  back(tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1')
end

if #changes > 0 then
  redis.call('HSET', KEYS[1], unpack(changes))
  redis.call('PEXPIRE', KEYS[1], UNUSED)
end
return {
  answer, wait, probe, string.format('%.17g', due), string.format('%.17g', rate),
  open and 1 or 0, open and math.max(0, till - now) or 0, opened
}
