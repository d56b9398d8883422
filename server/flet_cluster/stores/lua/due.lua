-- List sessions whose indexed deadline has passed. The index is a lower bound: the record decides.
-- KEYS: 1 sorted set of deadlines
-- ARGV: 1 limit
-- Returns {now, id, score, id, score, ...}.

local t = string.format('%.0f', now())
return {t, unpack(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', t, 'WITHSCORES', 'LIMIT', 0, ARGV[1]))}
