-- Read the random id of this data set; a set that has none gets the candidate.
-- KEYS: 1 incarnation
-- ARGV: 1 candidate
-- Returns {id}.

redis.call('SET', KEYS[1], ARGV[1], 'NX')
return {redis.call('GET', KEYS[1])}
