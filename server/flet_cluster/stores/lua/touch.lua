-- Move a session's deadline: its user is connected.
-- KEYS: 1 record
-- ARGV: 1 timeout, 2 grace, 3.. what has happened to it: pairs of milliseconds ago, what
-- Returns {'ok', moved earlier, deadline, 1 if something new is in its inbox else 0} or {'missing'}.

local held = redis.call('HMGET', KEYS[1], 'deadline', 'posted', 'inbox')
if not held[1] then return {'missing'} end
local earlier = save(KEYS[1], {'seen', string.format('%.0f', now())}, held[1], ARGV[1], ARGV[2])
if #ARGV > 2 then note(KEYS[1], lines_from(3)) end
local mail = tonumber(held[2] or 0) > tonumber(held[3] or 0)
return {'ok', earlier, redis.call('HGET', KEYS[1], 'deadline'), mail and 1 or 0}
