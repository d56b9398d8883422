-- Take a value that is kept. Who took it is noted for a moment, so that a repetition of the same taking is
-- answered like the first.
-- KEYS: 1 where
-- ARGV: 1 taker, 2 milliseconds for which a repetition may come
-- Returns {'none'} or {'taken', value}.

local held = redis.call('HMGET', KEYS[1], 'value', 'taker')
if not held[1] or (held[2] and held[2] ~= ARGV[1]) then return {'none'} end
if not held[2] then
  redis.call('HSET', KEYS[1], 'taker', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], math.min(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2])))
end
return {'taken', held[1]}
