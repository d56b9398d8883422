-- Read what a record says without a key, and its life or that of a session that has ended.
-- KEYS: 1 record, 2 tombstone, 3 life of a session that has ended
-- ARGV: 1 '1' if its life is wanted
-- Returns {'missing'}, {'ended', now, life} or {'found', now, life, epoch, owner, created, seen, deadline, timeout,
--         commit, instance, rx, tx, main, meta, snapshot's bytes, tail's bytes, '1' if something is in its inbox}.

local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'created', 'seen', 'deadline', 'timeout', 'commit',
  'instance', 'rx', 'tx', 'main', 'meta', 'posted', 'inbox')
local time = string.format('%.0f', now())
if not held[1] then
  if redis.call('EXISTS', KEYS[2]) == 0 then return {'missing'} end
  return {'ended', time, redis.call('GET', KEYS[3]) or ''}
end
local life = ARGV[1] == '1' and redis.call('HGET', KEYS[1], 'life') or ''
local mail = tonumber(held[13] or 0) > tonumber(held[14] or 0)
held[13], held[14] = redis.call('HSTRLEN', KEYS[1], 'image'), redis.call('HSTRLEN', KEYS[1], 'tail')
held[15] = mail and 1 or 0
for i = 1, 15 do held[i] = held[i] or '' end
return {'found', time, life, unpack(held)}
