SELECT json_extract(json, '$.budget.spentToday') FROM documents WHERE name = 'totals' AND chunk = 0
