-- Remove entries of an inbox up to a number.
-- KEYS: 1 inbox
-- ARGV: 1 number
-- Returns {'ok'}.

local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if tonumber(string.match(all[i + 1], '^%d+')) <= tonumber(ARGV[1]) then redis.call('HDEL', KEYS[1], all[i]) end
end
return {'ok'}
