-- Close a session for good. The tombstone names the lease, so that a repetition is recognised.
-- KEYS: 1 record, 2 tombstone, 3 inbox, 4 life of a session that has ended
-- ARGV: 1 owner, 2 epoch, 3 grace, 4 least time the tombstone stays, 5 why,
-- 6 how long its life may be read
-- Returns {'ok'}, {'stale'} or {'lost'}.

local lease = ARGV[2] .. ' ' .. ARGV[1]
local tombstone = redis.call('GET', KEYS[2])
if tombstone then return {tombstone == lease and 'ok' or 'stale'} end
local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'timeout')
local epoch = tonumber(ARGV[2])
if not held[1] or tonumber(held[1]) < epoch then return {'lost'} end
if tonumber(held[1]) ~= epoch or held[2] ~= ARGV[1] then return {'stale'} end
note(KEYS[1], {line(0, 'ended ' .. ARGV[1] .. ' ' .. ARGV[5])})
redis.call('SET', KEYS[4], redis.call('HGET', KEYS[1], 'life'), 'PX', ARGV[6])
redis.call('DEL', KEYS[1], KEYS[3])
local stay = math.max(tonumber(ARGV[4]), tonumber(held[3]) + tonumber(ARGV[3]))
redis.call('SET', KEYS[2], lease, 'PX', string.format('%.0f', stay))
return {'ok'}
