FROM flet-cluster:0.1.0
USER 0
COPY . /app
RUN pip install --no-cache-dir -r requirements.txt \
 && if [ -d assets ]; then flet-cluster precompress --assets assets; fi
USER 10001:10001
