-- Move a session's deadline: its user is connected.
-- KEYS: 1 record
-- ARGV: 1 timeout, 2 grace
-- Returns {'ok', moved earlier, deadline} or {'missing'}.

local deadline = redis.call('HGET', KEYS[1], 'deadline')
if not deadline then return {'missing'} end
local earlier = save(KEYS[1], {}, deadline, ARGV[1], ARGV[2])
return {'ok', earlier, redis.call('HGET', KEYS[1], 'deadline')}
