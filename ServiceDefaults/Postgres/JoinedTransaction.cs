using System.Data.Common;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace EasySmart.ServiceDefaults.Postgres;

/// <summary>
/// A handler's transaction within one that began before the handler did: a savepoint. Committing it leaves its changes to the outer one's
/// commit; disposing it without takes them back.
/// </summary>
internal sealed class JoinedTransaction : IDbContextTransaction, IInfrastructure<DbTransaction>
{
    private readonly IDbContextTransaction _outer;
    private readonly string _savepoint;
    private bool _ended;

    private JoinedTransaction(IDbContextTransaction outer, string savepoint) => (_outer, _savepoint) = (outer, savepoint);

    public Guid TransactionId { get; } = Guid.NewGuid();

    public bool SupportsSavepoints => _outer.SupportsSavepoints;

    DbTransaction IInfrastructure<DbTransaction>.Instance => _outer.GetDbTransaction();

    public static async Task<IDbContextTransaction> BeginAsync(IDbContextTransaction outer, CancellationToken cancellation)
    {
        var joined = new JoinedTransaction(outer, $"joined_{Guid.NewGuid():N}");
        await outer.CreateSavepointAsync(joined._savepoint, cancellation);
        return joined;
    }

    public async Task CommitAsync(CancellationToken cancellationToken = default)
    {
        await _outer.ReleaseSavepointAsync(_savepoint, cancellationToken);
        _ended = true;
    }

    public async Task RollbackAsync(CancellationToken cancellationToken = default)
    {
        await _outer.RollbackToSavepointAsync(_savepoint, cancellationToken);
        _ended = true;
    }

    public async ValueTask DisposeAsync()
    {
        if (_ended)
        {
            return;
        }

        try
        {
            await RollbackAsync();
        }
        catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException)
        {
            // The connection is gone, and with it the outer transaction: its commit fails and says so.
        }
    }

    public Task CreateSavepointAsync(string name, CancellationToken cancellationToken = default) =>
        _outer.CreateSavepointAsync(name, cancellationToken);

    public Task RollbackToSavepointAsync(string name, CancellationToken cancellationToken = default) =>
        _outer.RollbackToSavepointAsync(name, cancellationToken);

    public Task ReleaseSavepointAsync(string name, CancellationToken cancellationToken = default) =>
        _outer.ReleaseSavepointAsync(name, cancellationToken);

    public void CreateSavepoint(string name) => throw Blocking();

    public void RollbackToSavepoint(string name) => throw Blocking();

    public void ReleaseSavepoint(string name) => throw Blocking();

    public void Commit() => throw Blocking();

    public void Rollback() => throw Blocking();

    public void Dispose() => throw Blocking();

    private static NotSupportedException Blocking() => new("Transactions of a request are awaited");
}
