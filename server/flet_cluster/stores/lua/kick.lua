-- End a session for good, whoever holds it: the holder's next write is refused.
-- KEYS: 1 record, 2 tombstone, 3 inbox, 4 life of a session that has ended
-- ARGV: 1 grace, 2 least time the tombstone stays, 3 why, 4 how long its life may be read
-- Returns {'ended', owner}, {'deleted'} (it had ended before) or {'missing'}.

if redis.call('EXISTS', KEYS[2]) == 1 then return {'deleted'} end
local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'timeout')
if not held[1] then return {'missing'} end
note(KEYS[1], {line(0, 'ended - ' .. ARGV[3])})
redis.call('SET', KEYS[4], redis.call('HGET', KEYS[1], 'life'), 'PX', ARGV[4])
redis.call('DEL', KEYS[1], KEYS[3])
local stay = math.max(tonumber(ARGV[2]), tonumber(held[3]) + tonumber(ARGV[1]))
-- The name of no lease: a holder that deletes it now learns that it is not its own any more.
redis.call('SET', KEYS[2], (held[1] + 1) .. ' -', 'PX', string.format('%.0f', stay))
return {'ended', held[2]}
