-- Keep a value for some time, unless it was taken.
-- KEYS: 1 where
-- ARGV: 1 value, 2 milliseconds
-- Returns {'ok'}.

if redis.call('HEXISTS', KEYS[1], 'taker') == 0 then
  redis.call('HSET', KEYS[1], 'value', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {'ok'}
