-- Make sure a session comes up in the index of deadlines after `timeout` or earlier.
-- KEYS: 1 sorted set of deadlines
-- ARGV: 1 session id, 2 timeout
-- Returns {'ok'}.

redis.call('ZADD', KEYS[1], 'LT', string.format('%.0f', now() + ARGV[2]), ARGV[1])
return {'ok'}
