using EasySmart.Identity.Accounts;
using EasySmart.Identity.Tokens;
using EasySmart.ServiceDefaults.Messaging;
using Microsoft.EntityFrameworkCore;

namespace EasySmart.Identity;

/// <summary>Accounts and sessions. The audit log is beside it, written by its consumer alone.</summary>
internal sealed class IdentityDb(DbContextOptions<IdentityDb> options) : DbContext(options)
{
    public DbSet<Tenant> Tenants => Set<Tenant>();

    public DbSet<User> Users => Set<User>();

    public DbSet<RefreshToken> RefreshTokens => Set<RefreshToken>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.AddOutbox();
        modelBuilder.Entity<Tenant>(tenant =>
        {
            tenant.Property(t => t.Id).ValueGeneratedNever();
            tenant.Property(t => t.Status).IsSpelt();
        });
        modelBuilder.Entity<User>(user =>
        {
            user.Property(u => u.Id).ValueGeneratedNever();
            user.Property(u => u.Role).IsSpelt();
            user.Property(u => u.Status).IsSpelt();
            // A login that checked the old password while it was being changed must not become a session.
            user.Property(u => u.PasswordHash).IsConcurrencyToken();
            user.HasOne(u => u.Tenant).WithMany().HasForeignKey(u => u.TenantId);
        });
        modelBuilder.Entity<RefreshToken>(token =>
        {
            token.Property(t => t.Id).ValueGeneratedNever();
            token.HasOne<User>().WithMany().HasForeignKey(t => t.UserId);
        });
    }
}
