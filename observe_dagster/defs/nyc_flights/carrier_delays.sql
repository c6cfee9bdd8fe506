WITH monthly AS (
    SELECT
        carrier,
        CAST(date_trunc('month', flight_date) AS date) AS flight_month,
        count(*) AS flights,
        count(*) FILTER (WHERE is_deleted) AS cancelled,
        CAST(avg(dep_delay) AS numeric(8, 2)) AS average_delay_minutes,
        max(dep_delay) AS longest_delay_minutes
    FROM public.flights
    GROUP BY carrier, date_trunc('month', flight_date)
)
SELECT
    monthly.carrier,
    airlines.name AS airline,
    monthly.flight_month,
    monthly.flights,
    monthly.cancelled,
    monthly.average_delay_minutes,
    monthly.longest_delay_minutes
FROM monthly
JOIN public.airlines AS airlines ON airlines.carrier = monthly.carrier
