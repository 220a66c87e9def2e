import { PIECE_BYTES, PREFIX } from "./names.ts";

/** A Lua script that Redis runs whole, or not at all. */
export type Script = { readonly text: string };

/** What the scripts have in common. A missing field is `false` in Lua. */
const COMMON = `
local P = '${PREFIX}'
-- Left to itself, Lua writes the minus of nothing as "-0", which Redis refuses. All numbers that are sent are whole.
local function call(...)
  local words = {...}
  for i, word in ipairs(words) do
    if type(word) == 'number' then words[i] = string.format('%d', word) end
  end
  return redis.call(unpack(words))
end
local function now()
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function num(key, field) return tonumber(call('HGET', key, field) or 0) end
local function count(tenant, bytes)
  call('HINCRBY', P .. 'used:' .. tenant, 'bytes', bytes)
  call('INCRBY', P .. 'used', bytes)
end
local function used(tenant) return num(P .. 'used:' .. tenant, 'bytes') end
local function allUsed() return tonumber(call('GET', P .. 'used') or 0) end
local function forget(id)
  local f = P .. 'file:' .. id
  local is = call('HMGET', f, 'tenant', 'bytes', 'state')
  local tenant = is[1]
  if not tenant then return 0 end
  local bytes = tonumber(is[2] or 0)
  local freed = -bytes
  -- A full server refuses a script's first write unless that frees memory; what follows it is let through.
  call('DEL', f)
  count(tenant, freed)
  if is[3] == 'stored' then
    call('HINCRBY', P .. 'used:' .. tenant, 'files', -1)
    call('ZREM', P .. 'files:' .. tenant, id)
  end
  call('ZREM', P .. 'arriving', id)
  call('ZREM', P .. 'expiring', id)
  -- An empty file has one piece too.
  call('ZADD', P .. 'garbage', math.max(1, math.ceil(bytes / ${PIECE_BYTES})), id)
  return 1
end
local function store(tenant, id, createdMs, expiresMs, filename, purpose)
  local f = P .. 'file:' .. id
  local seq = call('INCR', P .. 'seq')
  call('HSETNX', f, 'bytes', 0)
  call('HSET', f, 'tenant', tenant, 'state', 'stored', 'seq', seq, 'createdMs', createdMs,
    'expiresMs', expiresMs, 'filename', filename, 'purpose', purpose)
  call('ZADD', P .. 'files:' .. tenant, seq, id)
  call('HINCRBY', P .. 'used:' .. tenant, 'files', 1)
  call('ZREM', P .. 'arriving', id)
  if expiresMs ~= '' then call('ZADD', P .. 'expiring', expiresMs, id) end
end
`;

function script(text: string): Script {
  return { text: COMMON + text };
}

/** Adds a piece to a file that arrives. Refuses with 1 or 2 what exceeds the bound of its tenant, or of all. */
export const PUT_PIECE = script(`
local tenant, id, piece, bytes, most, mostOfAll = unpack(ARGV)
if used(tenant) + #bytes > tonumber(most) then return 1 end
if allUsed() + #bytes > tonumber(mostOfAll) then return 2 end
local f = P .. 'file:' .. id
call('SET', P .. 'piece:' .. id .. ':' .. piece, bytes)
call('HSET', f, 'tenant', tenant, 'state', 'arriving')
call('HINCRBY', f, 'bytes', #bytes)
call('ZADD', P .. 'arriving', now(), id)
count(tenant, #bytes)
return 0`);

/** Makes a file that has arrived a stored one, unless its tenant has too many. */
export const STORE_FILE = script(`
local tenant, id, createdMs, expiresMs, filename, purpose, mostFiles = unpack(ARGV)
if num(P .. 'used:' .. tenant, 'files') >= tonumber(mostFiles) then return 0 end
store(tenant, id, createdMs, expiresMs, filename, purpose)
return 1`);

export const GET_FILE = script(`
local f = P .. 'file:' .. ARGV[1]
return call('HMGET', f, 'seq', 'createdMs', 'expiresMs', 'bytes', 'filename', 'purpose', 'tenant', 'state', 'readers')`);

/** The next stored files of a tenant from after a number on, at most as many as asked. */
export const PAGE_FILES = script(`
local tenant, from, order, most = unpack(ARGV)
local list = P .. 'files:' .. tenant
local ids = order == 'asc' and call('ZRANGEBYSCORE', list, '(' .. from, '+inf', 'LIMIT', 0, most)
  or call('ZREVRANGEBYSCORE', list, '(' .. from, '-inf', 'LIMIT', 0, most)
local files = {}
for i, id in ipairs(ids) do
  local f = call('HMGET', P .. 'file:' .. id, 'seq', 'createdMs', 'expiresMs', 'bytes', 'filename', 'purpose')
  table.insert(f, 1, id)
  files[i] = f
end
return files`);

/** Removes a stored file that no batch reads. */
export const REMOVE_FILE = script(`
local tenant, id = unpack(ARGV)
local f = P .. 'file:' .. id
local is = call('HMGET', f, 'tenant', 'state')
if is[1] ~= tenant or is[2] ~= 'stored' or num(f, 'readers') > 0 then return 0 end
return forget(id)`);

/** Returns how many pieces are left of it, whether it goes now or went before. */
export const DROP_FILE = script(`
forget(ARGV[1])
return tonumber(call('ZSCORE', P .. 'garbage', ARGV[1]) or 0)`);

export const USED = script("return {used(ARGV[1]), allUsed()}");

/**
 * Removes files that have expired, and those that nobody went on with for an hour. Returns what is left of removed ones: ids and their pieces. One that
 * can't be removed keeps no other.
 */
export const TIDY = script(`
local nowMs = tonumber(ARGV[1])
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'expiring', '-inf', nowMs, 'LIMIT', 0, 100)) do
  if num(P .. 'file:' .. id, 'readers') == 0 then pcall(forget, id) end
end
for _, id in ipairs(call('ZRANGEBYSCORE', P .. 'arriving', '-inf', now() - 3600000, 'LIMIT', 0, 100)) do pcall(forget, id) end
return call('ZRANGEBYSCORE', P .. 'garbage', '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 100)`);

export const FORGET_GARBAGE = script("return call('ZREM', P .. 'garbage', ARGV[1])");

/**
 * Replaces an upload's text that is what it was when it was read, or adds one, and notes how many bytes of it may still come, until when; none are
 * noted of one that has ended.
 */
export const SET_UPLOAD = script(`
local name, before, after, lifeMs, tenant, id, coming, endsMs = unpack(ARGV)
local is = call('GET', name)
if before == '' and is or before ~= '' and is ~= before then return 0 end
call('SET', name, after, 'PX', lifeMs)
local pending = P .. 'pending:' .. tenant
if coming == '0' then call('HDEL', pending, id) else
  call('HSET', pending, id, coming .. ' ' .. endsMs)
  call('PEXPIRE', pending, lifeMs)
end
return 1`);

/** How many bytes may still come of a tenant's uploads. */
export const PENDING_BYTES = script(`
local pending, nowMs = P .. 'pending:' .. ARGV[1], tonumber(ARGV[2])
local words, sum = call('HGETALL', pending), 0
for i = 1, #words, 2 do
  local coming, endsMs = string.match(words[i + 1], '^(%d+) (%d+)$')
  if tonumber(endsMs) > nowMs then sum = sum + coming else call('HDEL', pending, words[i]) end
end
return sum`);

const BATCH = `
local function ends(status)
  return status == 'completed' or status == 'failed' or status == 'expired' or status == 'cancelled'
end
local function batchOf(id)
  local fields = call('HGETALL', P .. 'batch:' .. id)
  local workers = call('HGETALL', P .. 'workers:' .. id)
  return {fields, workers}
end
local function linesIn(b, block)
  local size, total = num(b, 'blockLines'), num(b, 'total')
  return math.min(size, total - block * size)
end
local function situation(id, tenant)
  local b = P .. 'batch:' .. id
  return {call('HGET', b, 'status') or '', num(b, 'total'), num(b, 'completed'), num(b, 'failed'), num(b, 'expired'),
    num(b, 'cancelled'), num(b, 'outputBytes'), num(b, 'errorBytes'), used(tenant), allUsed(),
    call('HLEN', P .. 'workers:' .. id)}
end
`;

function batchScript(text: string): Script {
  return script(BATCH + text);
}

/** Adds a batch. Returns 0 if its input is gone, and 2 if it was added before. */
export const ADD_BATCH = batchScript(`
local id, tenant, kind, input = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local b, f = P .. 'batch:' .. id, P .. 'file:' .. input
if call('EXISTS', b) == 1 then return 2 end
local is = call('HMGET', f, 'tenant', 'state')
if is[1] ~= tenant then return 0 end
if kind == 'anthropic' then
  -- It is the batch's own, and no file of its tenant.
  call('HSET', f, 'state', 'own')
  call('ZREM', P .. 'arriving', input)
elseif is[2] ~= 'stored' then return 0 end
call('HINCRBY', f, 'readers', 1)
local seq = call('INCR', P .. 'seq')
call('HSET', b, 'id', id, 'tenant', tenant, 'kind', kind, 'inputFile', input, 'seq', seq, unpack(ARGV, 5))
call('ZADD', P .. 'batches:' .. kind .. ':' .. tenant, seq, id)
call('ZADD', P .. 'unfinished', seq, id)
call('ZADD', P .. 'unfinished:' .. tenant, seq, id)
call('SADD', P .. 'tenants', tenant)
return 1`);

export const GET_BATCH = batchScript("return batchOf(ARGV[1])");

/** The batches of a tenant between two numbers, newest first unless asked for the other order. */
export const PAGE_BATCHES = batchScript(`
local kind, tenant, lower, upper, order, most = unpack(ARGV)
local list = P .. 'batches:' .. kind .. ':' .. tenant
local ids = order == 'asc' and call('ZRANGEBYSCORE', list, '(' .. lower, '(' .. upper, 'LIMIT', 0, most)
  or call('ZREVRANGEBYSCORE', list, '(' .. upper, '(' .. lower, 'LIMIT', 0, most)
local batches = {}
for i, id in ipairs(ids) do batches[i] = batchOf(id) end
return batches`);

export const COUNT_UNFINISHED = batchScript("return call('ZCARD', P .. 'unfinished:' .. ARGV[1])");

/** The oldest of all, and the oldest of each tenant, so that one with many hides no other's. Of very many tenants, each call takes others. */
export const UNFINISHED = batchScript(`
local ids = call('ZRANGE', P .. 'unfinished', 0, 999)
if #ids == 1000 then
  local known, more, seqs = {}, {}, {}
  for _, id in ipairs(ids) do known[id] = true end
  for _, tenant in ipairs(call('SRANDMEMBER', P .. 'tenants', 200)) do
    local own = call('ZRANGE', P .. 'unfinished:' .. tenant, 0, 9, 'WITHSCORES')
    for i = 1, #own, 2 do
      if not known[own[i]] then
        table.insert(more, own[i])
        seqs[own[i]] = tonumber(own[i + 1])
      end
    end
  end
  table.sort(more, function(a, b) return seqs[a] < seqs[b] end)
  for _, id in ipairs(more) do table.insert(ids, id) end
end
local batches = {}
for i, id in ipairs(ids) do
  local is = call('HMGET', P .. 'batch:' .. id, 'status', 'tenant', 'keyId', 'endsMs')
  batches[i] = {id, is[1] or '', is[2] or '', is[3] or '', is[4] or ''}
end
return batches`);

export const CANCEL = batchScript(`
local id, tenant, nowMs = unpack(ARGV)
local b = P .. 'batch:' .. id
local is = call('HMGET', b, 'tenant', 'status')
if is[1] ~= tenant or (is[2] ~= 'validating' and is[2] ~= 'in_progress') then return 0 end
call('HSET', b, 'status', 'cancelling', 'at:cancelling_ms', nowMs)
return 1`);

/**
 * Changes a batch's status if it is one of those that are named last, and if all its lines are done where that is asked. With an end its files become
 * its tenant's, and nothing is left of the work on it.
 */
export const CHANGE = batchScript(`
local id, to, moment, atMs, more, total, needsAll, files, from = unpack(ARGV)
local b = P .. 'batch:' .. id
local status = call('HGET', b, 'status')
if not status or not string.find(from, ' ' .. status .. ' ', 1, true) then return 0 end
if needsAll == '1' then
  local done = num(b, 'completed') + num(b, 'failed') + num(b, 'expired') + num(b, 'cancelled')
  if done < num(b, 'total') then return 0 end
end
call('HSET', b, 'status', to, 'at:' .. moment, atMs, 'more', (call('HGET', b, 'more') or '') .. more .. '\\n')
if total ~= '' then call('HSET', b, 'total', total) end
if not ends(to) then return 1 end
local is = call('HMGET', b, 'tenant', 'kind', 'inputFile')
for i = 0, files - 1 do
  local f, expiresMs, filename = ARGV[10 + 3 * i], ARGV[11 + 3 * i], ARGV[12 + 3 * i]
  if call('EXISTS', P .. 'file:' .. f) == 1 then store(is[1], f, atMs, expiresMs, filename, 'batch_output') end
end
if is[2] == 'anthropic' then forget(is[3])
elseif call('EXISTS', P .. 'file:' .. is[3]) == 1 then call('HINCRBY', P .. 'file:' .. is[3], 'readers', -1) end
call('ZREM', P .. 'unfinished', id)
call('ZREM', P .. 'unfinished:' .. is[1], id)
if call('EXISTS', P .. 'unfinished:' .. is[1]) == 0 then call('SREM', P .. 'tenants', is[1]) end
call('ZADD', P .. 'ended', now(), id)
for _, name in ipairs({'index', 'done', 'leases', 'holders', 'workers'}) do call('UNLINK', P .. name .. ':' .. id) end
return 1`);

/** Removes a batch that has ended. Anthropic's go with their results. */
export const REMOVE_BATCH = batchScript(`
local id, tenant = unpack(ARGV)
local b = P .. 'batch:' .. id
local is = call('HMGET', b, 'tenant', 'status', 'kind', 'outputFile', 'errorFile')
if not is[1] or (tenant ~= '' and is[1] ~= tenant) or not ends(is[2]) then return 0 end
if is[3] == 'anthropic' then forget(is[4]) forget(is[5]) end
call('DEL', b)
call('ZREM', P .. 'batches:' .. is[3] .. ':' .. is[1], id)
call('ZREM', P .. 'ended', id)
return 1`);

/** Those that ended before a time. */
export const OLD_BATCHES = batchScript("return call('ZRANGEBYSCORE', P .. 'ended', '-inf', ARGV[1], 'LIMIT', 0, 100)");

/** Takes what has to be done before the first line, unless another gateway does it. */
export const TAKE_PREPARATION = batchScript(`
local id, gateway, forMs = unpack(ARGV)
local name, nowMs = P .. 'leases:' .. id, now()
local untilMs = tonumber(call('ZSCORE', name, 'preparation') or 0)
if untilMs > nowMs and call('HGET', P .. 'holders:' .. id, 'preparation') ~= gateway then return 0 end
call('ZADD', name, nowMs + forMs, 'preparation')
call('HSET', P .. 'holders:' .. id, 'preparation', gateway)
return 1`);

/** Notes where the blocks of lines begin. */
export const PUT_INDEX = batchScript(`
local id, blockLines, blocks, total, offsets = unpack(ARGV)
local b = P .. 'batch:' .. id
if call('EXISTS', b) == 0 then return 0 end
call('SET', P .. 'index:' .. id, offsets)
call('HSET', b, 'blockLines', blockLines, 'blocks', blocks)
call('HSETNX', b, 'total', total)
call('ZREM', P .. 'leases:' .. id, 'preparation')
call('HDEL', P .. 'holders:' .. id, 'preparation')
return 1`);

/** Takes a block of lines: one whose gateway has ended, or the next. Returns its number, the lines of a block, where it begins, its lines, and those that are done. */
export const CLAIM = batchScript(`
local id, gateway, forMs = unpack(ARGV)
local b, leases = P .. 'batch:' .. id, P .. 'leases:' .. id
local status = call('HGET', b, 'status')
if status ~= 'in_progress' and status ~= 'cancelling' then return {} end
local nowMs = now()
local block = call('ZRANGEBYSCORE', leases, '-inf', nowMs, 'LIMIT', 0, 1)[1]
if not block then
  local next = num(b, 'cursor')
  if next >= num(b, 'blocks') then return {} end
  call('HSET', b, 'cursor', next + 1)
  block = next
end
block = tonumber(block)
call('ZADD', leases, nowMs + forMs, block)
call('HSET', P .. 'holders:' .. id, block, gateway)
local size = num(b, 'blockLines')
return {block, size, call('GETRANGE', P .. 'index:' .. id, block * 8, block * 8 + 7), linesIn(b, block),
  call('GETRANGE', P .. 'done:' .. id, block * size / 8, block * size / 8 + size / 8 - 1)}`);

/** Keeps a gateway's leases, and tells how it is. Returns how the batch is. */
export const RENEW = batchScript(`
local id, tenant, gateway, forMs, perSecond, paused = unpack(ARGV)
local b, nowMs = P .. 'batch:' .. id, now()
local status = call('HGET', b, 'status')
if not status or ends(status) then return situation(id, tenant) end
local workers, leases, holders = P .. 'workers:' .. id, P .. 'leases:' .. id, P .. 'holders:' .. id
local all = call('HGETALL', workers)
for i = 1, #all, 2 do
  if tonumber(string.match(all[i + 1], '^%d+')) < nowMs then call('HDEL', workers, all[i]) end
end
call('HSET', workers, gateway, (nowMs + forMs) .. ' ' .. paused)
if perSecond ~= '' then call('HSET', b, 'perSecond', perSecond) end
for i = 7, #ARGV do
  if call('HGET', holders, ARGV[i]) == gateway then call('ZADD', leases, 'XX', nowMs + forMs, ARGV[i]) end
end
return situation(id, tenant)`);

/** Gives a gateway's leases back. */
export const LEAVE = batchScript(`
local id, gateway = ARGV[1], ARGV[2]
call('HDEL', P .. 'workers:' .. id, gateway)
for i = 3, #ARGV do
  if call('HGET', P .. 'holders:' .. id, ARGV[i]) == gateway then call('ZADD', P .. 'leases:' .. id, 'XX', 0, ARGV[i]) end
end
return 1`);

/**
 * Writes the results of lines that have none: each exactly once, whoever sends it, and however often. An entry has a line's number, its fate, whether it
 * goes to the file of errors, the text, and four counts of tokens with a cost.
 */
export const COMMIT = batchScript(`
local id, tenant = ARGV[1], ARGV[2]
local b = P .. 'batch:' .. id
local status = call('HGET', b, 'status')
if not status or ends(status) then return situation(id, tenant) end
local doneName, size = P .. 'done:' .. id, num(b, 'blockLines')
local names = call('HMGET', b, 'outputFile', 'errorFile')
local function append(file, bytesField, text)
  local f = P .. 'file:' .. file
  local at = num(f, 'bytes')
  call('HSET', f, 'tenant', tenant, 'state', 'own')
  call('HINCRBY', f, 'bytes', #text)
  call('HINCRBY', b, bytesField, #text)
  count(tenant, #text)
  local from = 1
  while from <= #text do
    local room = ${PIECE_BYTES} - at % ${PIECE_BYTES}
    local part = string.sub(text, from, from + room - 1)
    call('APPEND', P .. 'piece:' .. file .. ':' .. string.format('%d', math.floor(at / ${PIECE_BYTES})), part)
    at = at + #part
    from = from + #part
  end
end
local texts = {{}, {}}
local touched = {}
for i = 3, #ARGV, 9 do
  local line, fate, isError, text = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2] == '1', ARGV[i + 3]
  if call('SETBIT', doneName, line, 1) == 0 then
    table.insert(texts[isError and 2 or 1], text)
    call('HINCRBY', b, fate, 1)
    for n, field in ipairs({'input', 'cached', 'output', 'reasoning', 'cost'}) do
      if ARGV[i + 3 + n] ~= '0' then call('HINCRBY', b, field, ARGV[i + 3 + n]) end
    end
    touched[math.floor(line / size)] = true
  end
end
if #texts[1] > 0 then append(names[1], 'outputBytes', table.concat(texts[1])) end
if #texts[2] > 0 then append(names[2], 'errorBytes', table.concat(texts[2])) end
for block in pairs(touched) do
  if call('BITCOUNT', doneName, block * size / 8, block * size / 8 + size / 8 - 1) >= linesIn(b, block) then
    call('ZREM', P .. 'leases:' .. id, block)
    call('HDEL', P .. 'holders:' .. id, block)
  end
end
return situation(id, tenant)`);
