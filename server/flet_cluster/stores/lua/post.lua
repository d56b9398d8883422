-- Put an entry into a session's inbox. Numbers follow this server's clock, so that they go up also after the
-- data was lost, and never below what the state accounts for.
-- KEYS: 1 record, 2 tombstone, 3 inbox
-- ARGV: 1 key, 2 payload, 3 most entries
-- Returns {'ok', owner}, {'full'}, {'deleted'}, {'missing'} or {'expired'}. A repetition is a success.

local held = redis.call('HMGET', KEYS[1], 'owner', 'deadline', 'inbox', 'posted', 'posted_key')
if not held[1] then return {redis.call('EXISTS', KEYS[2]) == 1 and 'deleted' or 'missing'} end
if tonumber(held[2]) <= now() then return {'expired'} end
if held[5] == ARGV[1] or redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then return {'ok', held[1]} end
if redis.call('HLEN', KEYS[3]) >= tonumber(ARGV[3]) then return {'full'} end
local t = redis.call('TIME')
local n = math.max(t[1] * 1000000 + t[2], tonumber(held[3] or 0) + 1, tonumber(held[4] or 0) + 1)
n = string.format('%.0f', n)
redis.call('HSET', KEYS[1], 'posted', n, 'posted_key', ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], n .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', KEYS[1]))
return {'ok', held[1]}
