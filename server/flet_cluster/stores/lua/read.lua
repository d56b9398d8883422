-- Read what follows a number in the app's stream. A page ends with the message that makes it too long.
-- KEYS: 1 end, 2 messages
-- ARGV: 1 number, 2 most messages, 3 bytes
-- Returns {number of the end, {number, before, origin, payload}, ...}.

local t = redis.call('TIME')
local micros = string.format('%.0f', t[1] * 1000000 + t[2])
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SET', KEYS[1], micros) end
local reply = {tonumber(redis.call('GET', KEYS[1]))}
local bytes, after = 0, '(' .. ARGV[1] .. '-0'
for _ = 1, tonumber(ARGV[2]) do
  if bytes >= tonumber(ARGV[3]) then break end
  local found = redis.call('XRANGE', KEYS[2], after, '+', 'COUNT', 1)[1]
  if not found then break end
  local number, fields = string.match(found[1], '^%d+'), found[2]
  reply[#reply + 1] = {number, fields[2], fields[4], fields[6]}
  bytes = bytes + #fields[6]
  after = '(' .. found[1]
end
return reply
