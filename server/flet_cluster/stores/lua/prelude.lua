-- Put before every script. No KEYS, no ARGV.
-- Times are whole milliseconds since the Unix epoch, by this server's clock.

local FIELDS = {'commit', 'instance', 'rx', 'tx', 'main', 'image', 'tail', 'inflight', 'meta', 'inbox',
                'stream', 'outbox'}

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- List the fields of a commit, found in ARGV from position `first` on, as HSET wants them.
local function commit_fields(first)
  local list = {}
  for i, name in ipairs(FIELDS) do
    list[2 * i - 1] = name
    list[2 * i] = ARGV[first + i - 1]
  end
  return list
end

-- Write fields and move the deadline from `old` (false if there is none) to now + timeout.
-- Returns 1 if it came earlier than it was: the index must follow then.
local function save(key, fields, old, timeout, grace)
  local new = now() + timeout
  local last = #fields
  fields[last + 1], fields[last + 2] = 'deadline', string.format('%.0f', new)
  fields[last + 3], fields[last + 4] = 'timeout', timeout
  redis.call('HSET', key, unpack(fields))
  redis.call('PEXPIRE', key, timeout + grace)
  return (old and new < tonumber(old)) and 1 or 0
end

-- Whether the record holds exactly the commit in ARGV from position `first` on.
local function same_commit(key, first)
  local held = redis.call('HMGET', key, unpack(FIELDS))
  for i = 1, #FIELDS do
    if held[i] ~= ARGV[first + i - 1] then return false end
  end
  return true
end

-- How many lines a session's life has at most: the first one, and the latest.
local LIFE = 32

-- Add to a session's life, a line each: milliseconds, kind, node or '-', detail.
local function note(key, lines)
  local kept = {}
  for line in string.gmatch(redis.call('HGET', key, 'life') or '', '[^\n]+') do kept[#kept + 1] = line end
  for _, line in ipairs(lines) do kept[#kept + 1] = line end
  while #kept > LIFE do table.remove(kept, 2) end
  redis.call('HSET', key, 'life', table.concat(kept, '\n'))
end

-- Make a line of what happened so many milliseconds ago.
local function line(ago, what) return string.format('%.0f ', now() - ago) .. what end

-- Make lines of the pairs (milliseconds ago, what) in ARGV from position `first` on.
local function lines_from(first)
  local lines = {}
  for i = first, #ARGV, 2 do lines[#lines + 1] = line(ARGV[i], ARGV[i + 1]) end
  return lines
end

