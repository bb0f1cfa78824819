-- Local items: who sells in OR, ID or CA, in category 10? A join with a filter.
CREATE TABLE answer (name STRING, city STRING, state STRING, id BIGINT) WITH (${SINK});

INSERT INTO answer
SELECT P.name, P.city, P.state, A.id
FROM auction AS A INNER JOIN person AS P ON A.seller = P.id
WHERE A.category = 10 AND (P.state = 'OR' OR P.state = 'ID' OR P.state = 'CA');
