-- Put messages of one session at the end of the app's stream, each commit's only once.
-- KEYS: 1 end, 2 messages, 3 what the session has published
-- ARGV: 1 age, 2 length, 3 memory (times in ms), 4 bytes, 5 session, 6.. for each message: epoch, n, index,
-- payload
-- Returns {number of the end}.

local t = redis.call('TIME')
local micros = t[1] * 1000000 + t[2]
local last = tonumber(redis.call('GET', KEYS[1]) or micros)
local done = redis.call('HMGET', KEYS[3], 'epoch', 'n')
local done_epoch, done_n = tonumber(done[1] or 0), tonumber(done[2] or 0)
local epoch, n = 0, 0
for i = 6, #ARGV, 4 do
  epoch, n = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  if epoch > done_epoch or (epoch == done_epoch and n > done_n) then
    local before = string.format('%.0f', last)
    last = math.max(micros, last + 1)
    local origin = table.concat({ARGV[5], ARGV[i], ARGV[i + 1], ARGV[i + 2]}, ' ')
    redis.call('XADD', KEYS[2], string.format('%.0f-0', last), 'before', before, 'origin', origin,
      'payload', ARGV[i + 3])
  end
end
redis.call('SET', KEYS[1], string.format('%.0f', last))
if epoch > done_epoch or (epoch == done_epoch and n > done_n) then
  redis.call('HSET', KEYS[3], 'epoch', epoch, 'n', n)
end
redis.call('PEXPIRE', KEYS[3], ARGV[3])
redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-0', micros - ARGV[1] * 1000))
redis.call('XTRIM', KEYS[2], 'MAXLEN', ARGV[2])
-- The server knows about how much memory the messages take; one that is not to be asked bounds their number.
local size = tonumber(ARGV[4])
for _ = 1, 10 do
  local used = redis.pcall('MEMORY', 'USAGE', KEYS[2])
  local count = redis.call('XLEN', KEYS[2])
  if type(used) ~= 'number' or used <= size or count <= 1 then
    break
  end
  redis.call('XTRIM', KEYS[2], 'MAXLEN', math.max(1, math.min(count - 1, math.floor(count * size / used))))
end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return {last}
