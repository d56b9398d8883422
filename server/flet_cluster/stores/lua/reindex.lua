-- Correct entries of the deadline index, each only if nobody changed it since it was read.
-- KEYS: 1 sorted set of deadlines
-- ARGV: triples of id, score it was read with, new score ('' to remove it)
-- Returns {'ok'}.

for i = 1, #ARGV, 3 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then
    if ARGV[i + 2] == '' then
      redis.call('ZREM', KEYS[1], ARGV[i])
    else
      redis.call('ZADD', KEYS[1], ARGV[i + 2], ARGV[i])
    end
  end
end
return {'ok'}
