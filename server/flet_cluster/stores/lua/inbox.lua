-- List what is in a session's inbox.
-- KEYS: 1 inbox
-- ARGV: none
-- Returns {key, 'number payload', key, 'number payload', ...}, in no order.

return redis.call('HGETALL', KEYS[1])
