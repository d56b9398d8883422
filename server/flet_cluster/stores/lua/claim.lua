-- Keep a value for some time, unless there is another.
-- KEYS: 1 where
-- ARGV: 1 value, 2 milliseconds, 3 a value that does not count any more ('' for none)
-- Returns {'ok'} or {'held', value}.

local held = redis.call('HGET', KEYS[1], 'value')
if held and held ~= ARGV[1] and held ~= ARGV[3] then return {'held', held} end
redis.call('HSET', KEYS[1], 'value', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'ok'}
