-- Look at a value that is kept, and leave it there.
-- KEYS: 1 where
-- ARGV: none
-- Returns {'none'} or {'kept', value}.

local held = redis.call('HMGET', KEYS[1], 'value', 'taker')
if not held[1] or held[2] then return {'none'} end
return {'kept', held[1]}
